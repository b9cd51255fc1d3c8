/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A VM's RAM in the least code: 64 MiB of dynamic 2 MiB pages, proven, held until standard input
 * ends, given back. As root:
 *	cc hold-memory.c $(pkg-config --cflags --libs guestram) && ./a.out
 */
#include <guestram.h>
#include <stdio.h>

static int failed(const struct guestram_error *err)
{
	fprintf(stderr, "hold-memory: %s\n", err->message);
	if (err->hint[0])
		fprintf(stderr, "%s\n", err->hint);
	return err->kind;
}

int main(void)
{
	struct guestram_memory_options options = { .size = sizeof(options), .name = "hold-memory",
						   .size_bytes = 64 << 20,
						   .page_size_bytes = 2 << 20,
						   .backing = GUESTRAM_BACKING_DYNAMIC };
	struct guestram_verdict verdict = { .size = sizeof(verdict) };
	struct guestram_error err = { .size = sizeof(err) };
	struct guestram_memory *memory;
	struct guestram *handle;
	int r;

	if (guestram_open(NULL, &handle, &err) < 0)
		return failed(&err);
	if (guestram_memory_create(handle, &options, &memory, &err) < 0) {
		guestram_close(handle);
		return failed(&err);
	}
	*(char *)guestram_memory_base(memory) = 1; /* here a guest would run */
	r = guestram_memory_verify(memory, &verdict, &err) < 0 ? failed(&err) : !verdict.kept;
	printf("%s\n", verdict.message);
	fflush(stdout);
	while (getchar() != EOF)
		continue;
	if (guestram_memory_destroy(memory, &err) < 0)
		r = failed(&err);
	guestram_close(handle);
	return r;
}
