// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Any bytes as a QEMU command line (words end at a newline or NUL): parse; rewrite it with memory
 * that is not there; parse what came out. The second reading has to find the same cells with the
 * same bytes, on our memory, and printing has to work. The same words also go to the reader of
 * Cloud Hypervisor.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "guest/cloud_hypervisor.h"
#include "guest/qemu_argv.h"

#define WORDS_MAX 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                    \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* Words in a copy of the input, argv[0] is ours. */
static char *split(const uint8_t *data, size_t size, char **argv)
{
	char *text = malloc(size + 1), *at = text;
	size_t count = 1;

	CHECK(text);
	memcpy(text, data, size);
	text[size] = '\0';
	for (size_t i = 0; i < size; i++)
		if (text[i] == '\n')
			text[i] = '\0';
	argv[0] = (char *)"qemu-system-x86_64";
	while (at < text + size && count < WORDS_MAX) {
		argv[count++] = at;
		at += strlen(at) + 1;
	}
	argv[count] = NULL;
	return text;
}

/* Objects that nobody uses stand last and are no longer populated by QEMU after the rewrite. */
static size_t used_needs(const struct gr_qemu *qemu)
{
	size_t count = 0;

	for (size_t i = 0; i < qemu->request.need_count; i++)
		if (qemu->sources[i].backend < 0 ||
		    qemu->backends[qemu->sources[i].backend].use != GR_QEMU_UNUSED)
			count++;
	return count;
}

static void compare(const struct gr_qemu *before, const struct gr_qemu *after)
{
	size_t used = used_needs(before);

	CHECK(gr_notes_error(&after->notes, NULL) == 0);
	CHECK(after->request.need_count == used);
	CHECK(after->memory_bytes == before->memory_bytes);
	for (size_t i = 0; i < used; i++) {
		const struct gr_need *a = &before->request.needs[i], *b = &after->request.needs[i];

		CHECK(a->guest_cell == b->guest_cell);
		CHECK(a->memory_bytes == b->memory_bytes);
		CHECK(b->backend_id && b->shared);
		CHECK(!a->backend_id || strcmp(a->backend_id, b->backend_id) == 0);
		CHECK(strncmp(after->sources[i].mem_path, "/proc/self/fd/", 14) == 0);
	}
}

static void rewrite(const struct gr_qemu *qemu)
{
	size_t count = qemu->request.need_count;
	struct gr_qemu_backing *backings = calloc(count + 1, sizeof(*backings));
	_cleanup_argv_ char **argv = NULL;
	_cleanup_qemu_ struct gr_qemu *again = NULL;
	_cleanup_free_ char *text = NULL;

	CHECK(backings);
	for (size_t i = 0; i < count; i++)
		backings[i] = (struct gr_qemu_backing){
			.fd = (int)i + 3,
			.size_bytes = UINT64_MAX,
			.share = true,
			.host_nodes = i % 2 ? "0-1,5" : NULL,
		};
	CHECK(gr_qemu_rewrite(qemu, backings, count, &argv, NULL) == 0);
	CHECK(gr_argv_print(argv, &text) == 0);
	CHECK(gr_qemu_parse(argv, &again, NULL) == 0);
	compare(qemu, again);
	free(backings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *argv[WORDS_MAX + 1];
	_cleanup_free_ char *text = split(data, size, argv);
	_cleanup_qemu_ struct gr_qemu *qemu = NULL;
	struct gr_ch ch;

	CHECK(gr_qemu_parse(argv, &qemu, NULL) == 0);
	CHECK(gr_qemu_default_page_size(qemu, UINT64_C(1) << 21) == 0);
	if (gr_notes_error(&qemu->notes, NULL) == 0)
		rewrite(qemu);
	CHECK(gr_ch_parse(argv, &ch, NULL) == 0);
	CHECK(gr_ch_default_page_size(&ch, UINT64_C(1) << 30) == 0);
	gr_ch_done(&ch);
	return 0;
}
