// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Filling a struct gr_error. Texts that do not fit are cut, never refused: an error about an error
 * helps nobody.
 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int gr_error_set(struct gr_error *err, enum gr_class class, int errnum, const char *fmt, ...)
{
	va_list ap;

	if (errnum <= 0)
		errnum = EIO;
	if (!err)
		return -errnum;
	err->class = class;
	err->errnum = errnum;
	err->hint[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(err->message, sizeof(err->message), fmt, ap);
	va_end(ap);
	return -errnum;
}

void gr_error_hint(struct gr_error *err, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return;
	va_start(ap, fmt);
	vsnprintf(err->hint, sizeof(err->hint), fmt, ap);
	va_end(ap);
}

void gr_error_prefix(struct gr_error *err, const char *fmt, ...)
{
	char before[sizeof(err->message)];
	va_list ap;
	size_t n;

	if (!err)
		return;
	memcpy(before, err->message, sizeof(before));
	va_start(ap, fmt);
	vsnprintf(err->message, sizeof(err->message), fmt, ap);
	va_end(ap);
	n = strlen(err->message);
	snprintf(err->message + n, sizeof(err->message) - n, "%s", before);
}

int gr_error_nomem(struct gr_error *err)
{
	return gr_error_set(err, GR_CLASS_SYSTEM, ENOMEM, "out of memory in guestram itself");
}
