/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Numbers out of the middle of a line of /proc: no sign, no blanks, no 0x, overflow is refused.
 * The cursor moves behind the number on success and stays on failure.
 */
#ifndef GR_VERIFY_SCAN_TEXT_H
#define GR_VERIFY_SCAN_TEXT_H

#include <errno.h>
#include <stdint.h>

static inline int gr_scan_digits(const char **cursor, unsigned int base, uint64_t *ret)
{
	const char *p = *cursor;
	uint64_t value = 0;

	for (;; p++) {
		unsigned int digit;

		if (*p >= '0' && *p <= '9')
			digit = (unsigned int)(*p - '0');
		else if (base == 16 && *p >= 'a' && *p <= 'f')
			digit = (unsigned int)(*p - 'a') + 10;
		else
			break;
		if (__builtin_mul_overflow(value, (uint64_t)base, &value) ||
		    __builtin_add_overflow(value, (uint64_t)digit, &value))
			return -ERANGE;
	}
	if (p == *cursor)
		return -EINVAL;
	*cursor = p;
	*ret = value;
	return 0;
}

static inline int gr_scan_hex(const char **cursor, uint64_t *ret)
{
	return gr_scan_digits(cursor, 16, ret);
}

static inline int gr_scan_dec(const char **cursor, uint64_t *ret)
{
	return gr_scan_digits(cursor, 10, ret);
}

#endif
