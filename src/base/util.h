/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The few macros everybody needs: cleanup attributes, array sizes, overflow-checked arithmetic
 * and checked string building. Nothing here touches the host.
 */
#ifndef GR_BASE_UTIL_H
#define GR_BASE_UTIL_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define GR_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static inline void gr_freep(void *p)
{
	free(*(void **)p);
}

static inline void gr_closep(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void gr_fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define _cleanup_free_ __attribute__((cleanup(gr_freep)))
#define _cleanup_close_ __attribute__((cleanup(gr_closep)))
#define _cleanup_fclose_ __attribute__((cleanup(gr_fclosep)))

/* Takes the value out of a cleanup variable: ret_x = gr_steal_ptr(x). */
#define gr_steal_ptr(p)                       \
	({                                    \
		__typeof__(p) _steal_p = (p); \
		(p) = NULL;                   \
		_steal_p;                     \
	})

static inline int gr_steal_fd(int *fd)
{
	int f = *fd;

	*fd = -1;
	return f;
}

static inline uint64_t gr_min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t gr_max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* a - b, but 0 where that would be negative. */
static inline uint64_t gr_sub_floor(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* Whole units of @unit needed for @bytes; @unit is not 0. */
static inline uint64_t gr_div_up(uint64_t bytes, uint64_t unit)
{
	return bytes / unit + (bytes % unit != 0);
}

/**
 * gr_grow - make room for one more element of @item_bytes in *@array of @count elements
 *
 * Return: 0 or -ENOMEM, *@array untouched then. The new element is zeroed.
 */
int gr_grow(void *array_ptr, size_t count, size_t item_bytes);

/** gr_asprintf - asprintf that leaves *@ret alone on failure. Return: 0 or -ENOMEM. */
int gr_asprintf(char **ret, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** gr_now_ns - CLOCK_MONOTONIC in nanoseconds. */
uint64_t gr_now_ns(void);

/** gr_parse_u64 - decimal, whole string, no sign, no blanks. Return: 0, -EINVAL or -ERANGE. */
int gr_parse_u64(const char *text, uint64_t *ret);

/** gr_next_line - cut the next line out of *@cursor (writes NULs). Return: line or NULL at the end. */
char *gr_next_line(char **cursor);

#endif
