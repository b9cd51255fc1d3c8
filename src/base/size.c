// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Sizes and times in and out of text. The parsers work on digits, with overflow checks, and never
 * through floating point: 1.5G is 15 x 2^30 / 10, refused where that is no whole number of bytes.
 */
#include "base/size.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/util.h"

static const char unit_letters[] = "KMGTPE";

/* The multiplier that @unit names, 0 if none does. "" means @plain_unit. */
static uint64_t unit_bytes(const char *unit, uint64_t plain_unit)
{
	uint64_t bytes = 1, step;
	const char *letter;

	if (!*unit)
		return plain_unit;
	if (!strcasecmp(unit, "b"))
		return 1;
	letter = strchr(unit_letters, toupper((unsigned char)*unit));
	if (!letter)
		return 0;
	if (!unit[1] || !strcasecmp(unit + 1, "i") || !strcasecmp(unit + 1, "ib"))
		step = 1024;
	else if (!strcasecmp(unit + 1, "b"))
		step = 1000;
	else
		return 0;
	for (const char *l = unit_letters; l <= letter; l++)
		bytes *= step;
	return bytes;
}

/* Digits with at most one point among them: the value is number / divisor. */
struct decimal {
	uint64_t number, divisor;
	const char *rest; /* what follows: the unit */
};

/* Return: 0; -EINVAL where there is no number; -ERANGE where 64 bits do not hold it. */
static int scan_decimal(const char *text, struct decimal *ret)
{
	struct decimal d = { .divisor = 1, .rest = text };
	bool fraction = false;
	int digits = 0;

	for (;; d.rest++) {
		if (*d.rest == '.' && !fraction && digits) {
			fraction = true;
			continue;
		}
		if (*d.rest < '0' || *d.rest > '9')
			break;
		digits++;
		if (__builtin_mul_overflow(d.number, UINT64_C(10), &d.number) ||
		    __builtin_add_overflow(d.number, (uint64_t)(*d.rest - '0'), &d.number))
			return -ERANGE;
		/* More digits than any unit has. */
		if (fraction && __builtin_mul_overflow(d.divisor, UINT64_C(10), &d.divisor))
			return -ERANGE;
	}
	if (!digits || d.rest[-1] == '.')
		return -EINVAL;
	*ret = d;
	return 0;
}

/* d x @unit, if that is whole and fits. Return: 0, -EINVAL or -ERANGE. */
static int multiply(const struct decimal *d, uint64_t unit, uint64_t *ret)
{
	unsigned __int128 product = (unsigned __int128)d->number * unit;

	if (product % d->divisor)
		return -EINVAL;
	product /= d->divisor;
	if (product > UINT64_MAX)
		return -ERANGE;
	*ret = (uint64_t)product;
	return 0;
}

static int refuse_size(const char *text, int r, struct gr_error *err)
{
	if (r == -ERANGE)
		return gr_error_set(err, GR_CLASS_USAGE, ERANGE,
				    "size '%.64s' is more than 64 bits can hold", text);
	r = gr_error_set(err, GR_CLASS_USAGE, EINVAL, "'%.64s' is not a size", text);
	gr_error_hint(err, "sizes look like 8G, 8192M (powers of 1024) or 8GB (powers of 1000)");
	return r;
}

int gr_parse_size(const char *text, uint64_t plain_unit, uint64_t *ret_bytes,
		  struct gr_error *err)
{
	struct decimal d;
	uint64_t unit;
	int r = scan_decimal(text, &d);

	if (r < 0)
		return refuse_size(text, r, err);
	unit = unit_bytes(d.rest, plain_unit);
	if (!unit)
		return refuse_size(text, -EINVAL, err);
	r = multiply(&d, unit, ret_bytes);
	if (r == -EINVAL)
		return gr_error_set(err, GR_CLASS_USAGE, EINVAL,
				    "size '%.64s' is not a whole number of bytes", text);
	return r < 0 ? refuse_size(text, r, err) : 0;
}

static const struct {
	const char *name;
	uint64_t ns;
} time_units[] = {
	{ "", UINT64_C(1000000000) }, { "s", UINT64_C(1000000000) },
	{ "ms", 1000000 },	      { "us", 1000 },
	{ "ns", 1 },		      { "min", UINT64_C(60000000000) },
	{ "h", UINT64_C(3600000000000) },
};

int gr_parse_duration(const char *text, uint64_t *ret_ns, struct gr_error *err)
{
	struct decimal d;
	int r = scan_decimal(text, &d);

	for (size_t i = 0; i < GR_ARRAY_SIZE(time_units) && r >= 0; i++) {
		if (strcmp(d.rest, time_units[i].name))
			continue;
		r = multiply(&d, time_units[i].ns, ret_ns);
		if (r >= 0)
			return 0;
	}
	if (r == -ERANGE)
		return gr_error_set(err, GR_CLASS_USAGE, ERANGE,
				    "time '%.64s' is more than 64 bits of nanoseconds can hold",
				    text);
	r = gr_error_set(err, GR_CLASS_USAGE, EINVAL, "'%.64s' is not a time", text);
	gr_error_hint(err, "times look like 30, 30s, 1.5s, 500ms, 10min or 1h; a plain number is "
			   "seconds");
	return r;
}

const char *gr_count_text(uint64_t n, char buf[GR_TEXT_MAX])
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n), out = 0;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			buf[out++] = ',';
		buf[out++] = digits[i];
	}
	buf[out] = '\0';
	return buf;
}

const char *gr_size_text(uint64_t bytes, char buf[GR_TEXT_MAX])
{
	uint64_t unit = 1, whole, hundredths;
	int power = -1;

	while (power < 5 && bytes / unit >= 1024) {
		unit *= 1024;
		power++;
	}
	if (power < 0) {
		snprintf(buf, GR_TEXT_MAX, "%" PRIu64 " B", bytes);
		return buf;
	}
	/* 1,023 MiB rather than 0.999 GiB; 5,500 MiB (exact) rather than 5.37 GiB. */
	if (bytes % unit && power > 0 && bytes % (unit / 1024) == 0 && bytes / (unit / 1024) < 10240) {
		gr_count_text(bytes / (unit / 1024), buf);
		power--;
	} else {
		whole = bytes / unit;
		hundredths = (uint64_t)((unsigned __int128)(bytes % unit) * 100 / unit);
		if (hundredths == 0)
			snprintf(buf, GR_TEXT_MAX, "%" PRIu64, whole);
		else if (hundredths % 10 == 0)
			snprintf(buf, GR_TEXT_MAX, "%" PRIu64 ".%" PRIu64, whole, hundredths / 10);
		else
			snprintf(buf, GR_TEXT_MAX, "%" PRIu64 ".%02" PRIu64, whole, hundredths);
	}
	whole = strlen(buf);
	snprintf(buf + whole, GR_TEXT_MAX - whole, " %ciB", unit_letters[power]);
	return buf;
}

const char *gr_size_arg(uint64_t bytes, char buf[GR_TEXT_MAX])
{
	int power = -1;

	while (power < 5 && bytes && bytes % 1024 == 0) {
		bytes /= 1024;
		power++;
	}
	if (power < 0)
		snprintf(buf, GR_TEXT_MAX, "%" PRIu64 "B", bytes);
	else
		snprintf(buf, GR_TEXT_MAX, "%" PRIu64 "%c", bytes, unit_letters[power]);
	return buf;
}

const char *gr_time_text(uint64_t ns, char buf[GR_TEXT_MAX])
{
	if (ns < 10000)
		snprintf(buf, GR_TEXT_MAX, "%.1f us", (double)ns / 1e3);
	else if (ns < 1000000)
		snprintf(buf, GR_TEXT_MAX, "%.0f us", (double)ns / 1e3);
	else if (ns < 10000000)
		snprintf(buf, GR_TEXT_MAX, "%.1f ms", (double)ns / 1e6);
	else if (ns < 1000000000)
		snprintf(buf, GR_TEXT_MAX, "%.0f ms", (double)ns / 1e6);
	else
		snprintf(buf, GR_TEXT_MAX, "%.2f s", (double)ns / 1e9);
	return buf;
}
