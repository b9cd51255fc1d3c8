/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Errors: a negative errno is the answer of a function, and struct gr_error tells a person the
 * rest: one phrase with the path and the numbers, and apart from it a hint what to do next. The
 * class decides the exit code of the program. It lives on the caller's stack and may be NULL.
 */
#ifndef GR_BASE_ERROR_H
#define GR_BASE_ERROR_H

#include <errno.h>
#include <stdbool.h>

/* Values are the exit codes of the command line. */
enum gr_class {
	GR_CLASS_NO = 1,       /* the answer is no: a promise not kept, nothing of that name */
	GR_CLASS_USAGE = 2,    /* bad usage, or a request that no host could meet */
	GR_CLASS_HOST = 3,     /* this host cannot; nothing was left changed */
	GR_CLASS_SYSTEM = 4,   /* a system call failed */
	GR_CLASS_STRANDED = 5, /* something could not be put back */
};

struct gr_error {
	enum gr_class class;
	int errnum; /* positive errno */
	char message[512];
	char hint[512];
};

/**
 * gr_error_set - fill @err (may be NULL), clearing its hint
 *
 * Return: -@errnum, so that a function can end with it; -EIO if @errnum is 0.
 */
int gr_error_set(struct gr_error *err, enum gr_class class, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/** gr_error_hint - say what to do next; replaces an earlier hint. */
void gr_error_hint(struct gr_error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** gr_error_prefix - put words before the message, as context added on the way up. */
void gr_error_prefix(struct gr_error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** gr_error_nomem - out of memory in our own process: class system. Return: -ENOMEM. */
int gr_error_nomem(struct gr_error *err);

#endif
