// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What anything that listens on a socket could send to --qmp: the bytes are read message by
 * message, in pieces of the first byte's size, and each message goes through every reader of
 * answers. And conditions of --expect, which are words of anybody ('=' first). Seeds: corpus/qmp.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "verify/align.h"
#include "verify/collapse.h"
#include "verify/expect.h"
#include "verify/qmp_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take_all(json_object *value, struct gr_qmp_facts *facts)
{
	static int (*const takers[])(json_object *, struct gr_qmp_facts *) = {
		gr_qmp_take_version,	gr_qmp_take_name,    gr_qmp_take_kvm,
		gr_qmp_take_stats,	gr_qmp_take_memdevs, gr_qmp_take_migration,
		gr_qmp_take_dirty_rate,
	};
	struct gr_slot slots[GR_SLOTS_MAX];
	uint64_t host;
	int n;

	for (size_t i = 0; i < GR_ARRAY_SIZE(takers); i++)
		takers[i](value, facts);
	gr_qmp_take_host(value, &host);
	n = gr_qmp_take_mtree(value, slots);
	if (n > GR_SLOTS_MAX)
		abort();
	for (int i = 0; i < n; i++) {
		if (gr_slot_at_most(&slots[i], 2 << 20) > slots[i].size_bytes)
			abort();
	}
}

static void fuzz_stream(const char *bytes, size_t size, size_t piece)
{
	_cleanup_qmp_reader_ struct gr_qmp_reader reader = { 0 };
	_cleanup_qmp_facts_ struct gr_qmp_facts *facts = calloc(1, sizeof(*facts));
	size_t at = 0;

	if (!facts || gr_qmp_reader_init(&reader) < 0)
		return;
	while (at < size) {
		json_object *message = NULL, *value;
		size_t used = 0, len = gr_min_u64(piece, size - at);
		int r = gr_qmp_feed(&reader, bytes + at, len, &used, &message);

		if (r < 0)
			return;
		if (used > len || (r == 0 && used != len))
			abort();
		at += used;
		if (r > 0 && gr_qmp_kind(message, &value) >= 0)
			take_all(value, facts);
		if (r > 0)
			json_object_put(message);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = malloc(size + 1);
	struct gr_condition condition;
	struct gr_error err;
	uint64_t ns;

	if (!size || !text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (data[0] != '=') {
		fuzz_stream(text, size - 1, data[0] ? data[0] : 1);
		return 0;
	}
	if (gr_condition_parse(text, &condition, &err) == 0 && condition.percent &&
	    condition.value > 100000)
		abort();
	gr_psi_total(text, &ns);
	return 0;
}
