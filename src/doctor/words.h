/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A command line as text: words as a POSIX shell would cut them, without expanding anything. That
 * is how libvirt writes them into a log, and how people keep them in files.
 */
#ifndef GR_DOCTOR_WORDS_H
#define GR_DOCTOR_WORDS_H

#include <stddef.h>

/**
 * gr_words_split - quotes, backslashes, and a backslash at the end of a line
 *
 * NUL bytes separate words as well (a cmdline file of /proc). An unclosed quote ends with the text.
 * Return: 0 or -ENOMEM. Free with gr_argv_free().
 */
int gr_words_split(const char *text, size_t len, char ***ret, size_t *ret_count);

/** gr_words_program - index of the first word that is no VAR=value, @count if there is none. */
size_t gr_words_program(char *const *words, size_t count);

#endif
