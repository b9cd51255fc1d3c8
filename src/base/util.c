// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The helpers of util.h that are more than a line: growing arrays, building strings, the clock,
 * numbers and lines from text.
 */
#include "base/util.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

int gr_grow(void *array_ptr, size_t count, size_t item_bytes)
{
	void **array = array_ptr;
	size_t room = 4, bytes;
	void *p;

	/* Room is the next power of two, so only a count that is one itself is full. */
	if (count >= 4 && (count & (count - 1)) == 0) {
		if (__builtin_mul_overflow(count, (size_t)2, &room))
			return -ENOMEM;
	} else if (count != 0) {
		memset((char *)*array + count * item_bytes, 0, item_bytes);
		return 0;
	}
	if (__builtin_mul_overflow(room, item_bytes, &bytes))
		return -ENOMEM;
	p = realloc(*array, bytes);
	if (!p)
		return -ENOMEM;
	memset((char *)p + count * item_bytes, 0, item_bytes);
	*array = p;
	return 0;
}

int gr_asprintf(char **ret, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	*ret = text;
	return 0;
}

uint64_t gr_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

int gr_parse_u64(const char *text, uint64_t *ret)
{
	uint64_t value = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
			return -ERANGE;
	}
	*ret = value;
	return 0;
}

char *gr_next_line(char **cursor)
{
	char *line = *cursor, *end;

	if (!line || !*line)
		return NULL;
	end = strchr(line, '\n');
	if (end) {
		*end = '\0';
		*cursor = end + 1;
	} else {
		*cursor = line + strlen(line);
	}
	return line;
}
