/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Command lines as values: NULL-terminated arrays of strings, owned as a whole.
 */
#ifndef GR_GUEST_ARGV_H
#define GR_GUEST_ARGV_H

#include <stddef.h>

#include "base/error.h"

#define GR_ARGV_MAX 65536 /* words on a command line that we read */

/**
 * gr_argv_count - how many words? @ret may be NULL
 *
 * Return: 0, -EINVAL (none) or -E2BIG (more than GR_ARGV_MAX).
 */
int gr_argv_count(char *const *argv, size_t *ret, struct gr_error *err);

/** gr_argv_base - a program's name without its folder. */
const char *gr_argv_base(const char *program);

/** gr_argv_copy - Return: 0 or -ENOMEM. Free with gr_argv_free(). */
int gr_argv_copy(char *const *argv, char ***ret);
void gr_argv_free(char **argv);

static inline void gr_argv_freep(char ***argv)
{
	gr_argv_free(*argv);
}
#define _cleanup_argv_ __attribute__((cleanup(gr_argv_freep)))

/**
 * gr_argv_print - a command line quoted for a shell, on one line without a newline
 *
 * Words of harmless characters stay bare, others stand in single quotes; a word with control or
 * non-ASCII bytes is written as $'...' (POSIX 2024; bash, zsh, ksh), so that what a terminal shows
 * is what will run.
 * Return: 0 or -ENOMEM.
 */
int gr_argv_print(char *const *argv, char **ret_text);

#endif
