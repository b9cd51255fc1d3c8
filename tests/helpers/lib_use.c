// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a VMM could do with libguestram, right and wrong: lib_use CASE. Exits 0 if the library
 * behaved, else prints the line that it failed on.
 */
#include <errno.h>
#include <guestram.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB ((uint64_t)1 << 20)
#define CHECK(what)                                                              \
	do {                                                                     \
		if (!(what)) {                                                   \
			printf("line %d: %s: %s\n", __LINE__, #what, err.message); \
			exit(1);                                                 \
		}                                                                \
	} while (0)

static struct guestram_error err = { .size = sizeof(err) };
static struct guestram *handle;

static struct guestram_memory_options options_of(const char *name, uint64_t mib, int backing)
{
	return (struct guestram_memory_options){ .size = sizeof(struct guestram_memory_options),
						 .name = name, .size_bytes = mib * MIB,
						 .backing = backing };
}

static uint64_t pool(void) /* of 2 MiB pages */
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "r");
	unsigned long pages = 0;

	CHECK(f && fscanf(f, "%lu", &pages) == 1);
	fclose(f);
	return pages;
}

static struct guestram_verdict verdict_of(struct guestram_memory *memory)
{
	struct guestram_verdict verdict = { .size = sizeof(verdict) };

	CHECK(guestram_memory_verify(memory, &verdict, &err) == 0);
	return verdict;
}

static void structs(void)
{
	struct {
		struct guestram_memory_options known;
		uint64_t more;
	} larger = { .known = options_of("larger", 2, GUESTRAM_BACKING_4K) };
	struct guestram_memory_options wrong = options_of("wrong", 2, GUESTRAM_BACKING_4K);
	struct guestram_verdict verdict = { .size = 8 };
	struct guestram_error small = { .size = 0, .kind = 77 };
	struct guestram_memory *memory = NULL;

	larger.known.size = sizeof(larger);
	CHECK(guestram_memory_create(handle, &larger.known, &memory, &err) == 0);
	CHECK(guestram_memory_verify(memory, &verdict, &err) == -EINVAL);
	CHECK(guestram_memory_verify(memory, NULL, &err) == -EINVAL);
	CHECK(guestram_memory_destroy(memory, &err) == 0);
	memory = NULL;
	larger.more = 1;
	CHECK(guestram_memory_create(handle, &larger.known, &memory, &err) == -E2BIG);
	CHECK(err.kind == GUESTRAM_ERROR_USAGE && err.errnum == E2BIG && !memory);
	wrong.size = sizeof(size_t) - 1;
	CHECK(guestram_memory_create(handle, &wrong, &memory, &err) == -EINVAL);
	wrong.size = offsetof(struct guestram_memory_options, size_bytes); /* the rest is zero */
	CHECK(guestram_memory_create(handle, &wrong, &memory, &small) == -EINVAL);
	CHECK(small.kind == 77);
	CHECK(guestram_memory_create(handle, NULL, &memory, NULL) == -EINVAL);
#define WRONG(field, value)                                                          \
	do {                                                                         \
		wrong = options_of("wrong", 2, GUESTRAM_BACKING_4K);                 \
		wrong.field = value;                                                 \
		CHECK(guestram_memory_create(handle, &wrong, &memory, &err) == -EINVAL); \
		CHECK(err.kind == GUESTRAM_ERROR_USAGE && err.message[0] && !memory); \
	} while (0)
	WRONG(name, NULL);
	WRONG(name, "../x");
	WRONG(size_bytes, 0);
	WRONG(page_size_bytes, 12345);
	WRONG(host_nodes, "");
	WRONG(host_nodes, "0-");
	WRONG(host_nodes, "4000");
	WRONG(flags, 1 << 20);
	WRONG(backing, 5);
	WRONG(backing, -1);
	WRONG(node_policy, 4);
	WRONG(node_policy, GUESTRAM_NODE_INTERLEAVE); /* without nodes */
	WRONG(populate, 2);
	wrong = options_of("wrong", 2, GUESTRAM_BACKING_4K);
	wrong.size_bytes = UINT64_MAX;
	CHECK(guestram_memory_create(handle, &wrong, &memory, &err) < 0 && !memory);
	guestram_close(NULL);
	CHECK(guestram_memory_destroy(NULL, &err) == 0);
	CHECK(guestram_open("/nonexistent", &handle, &err) == -ENOENT && err.message[0]);
}

static void sizes(void)
{
	uint64_t one = 0, all[16], usual = 0;
	int count = guestram_page_sizes(handle, all, 16, &err);

	CHECK(count >= 0 && count <= 16);
	for (int i = 0; i < count; i++)
		printf("%llu\n", (unsigned long long)all[i]);
	CHECK(guestram_page_sizes(handle, NULL, 0, &err) == count);
	CHECK(guestram_page_sizes(handle, &one, 1, &err) == count && (!count || one == all[0]));
	if (guestram_default_page_size(handle, &usual, &err) == 0)
		printf("%llu default\n", (unsigned long long)usual);
	else
		CHECK(!count && err.errnum == ENOENT);
}

/* No privilege is needed for what takes nothing from the pools. */
static void plain(void)
{
	struct guestram_memory_options options = options_of("plain", 8, GUESTRAM_BACKING_4K);
	struct guestram_verdict verdict;
	struct guestram_memory *memory;
	int fd;

	CHECK(guestram_memory_create(handle, &options, &memory, &err) == 0);
	verdict = verdict_of(memory);
	CHECK(verdict.kept && verdict.ram_bytes == 8 * MIB && verdict.got_bytes == 8 * MIB);
	CHECK(verdict.page_size_bytes == (uint64_t)sysconf(_SC_PAGESIZE));
	CHECK(guestram_memory_fd(memory) == -1);
	munmap(guestram_memory_base(memory), MIB);
	CHECK(!verdict_of(memory).kept);
	CHECK(guestram_memory_destroy(memory, &err) == 0);
	options.flags = GUESTRAM_MEMORY_SHARED;
	options.populate = GUESTRAM_POPULATE_LATER;
	CHECK(guestram_memory_create(handle, &options, &memory, &err) == 0);
	guestram_close(handle); /* the memory lives on */
	CHECK(!verdict_of(memory).kept);
	CHECK(guestram_memory_populate(memory, 2, &err) == 0);
	CHECK(verdict_of(memory).kept);
	fd = dup(guestram_memory_fd(memory));
	strcpy(guestram_memory_base(memory), "guest");
	CHECK(guestram_memory_destroy(memory, &err) == 0);
	CHECK(!strcmp(mmap(NULL, MIB, PROT_READ, MAP_SHARED, fd, 0), "guest"));
	CHECK(guestram_open(NULL, &handle, &err) == 0);
	if (geteuid()) {
		options = options_of("plain", 8, GUESTRAM_BACKING_DYNAMIC);
		CHECK(guestram_memory_create(handle, &options, &memory, &err) < 0);
		CHECK(err.kind == GUESTRAM_ERROR_HOST);
		CHECK(guestram_recover(handle, NULL, &err) <= 0);
	}
}

static void later(void)
{
	struct guestram_memory_options options = options_of("later", 16, GUESTRAM_BACKING_DYNAMIC);
	uint64_t before = pool();
	struct guestram_memory *memory, *other = NULL;

	options.page_size_bytes = 2 * MIB;
	options.populate = GUESTRAM_POPULATE_LATER;
	options.flags = GUESTRAM_MEMORY_SHARED;
	options.host_nodes = "0";
	CHECK(guestram_memory_create(handle, &options, &memory, &err) == 0);
	CHECK(guestram_memory_size(memory) == 16 * MIB && guestram_memory_fd(memory) >= 0);
	CHECK(guestram_memory_page_size(memory) == 2 * MIB);
	CHECK(guestram_memory_backing(memory) == GUESTRAM_BACKING_DYNAMIC);
	CHECK((uintptr_t)guestram_memory_base(memory) % (2 * MIB) == 0);
	CHECK(pool() == before + 8);
	CHECK(guestram_memory_create(handle, &options, &other, &err) == -EEXIST && !other);
	CHECK(guestram_memory_populate(memory, 0, &err) == 0);
	CHECK(verdict_of(memory).kept && verdict_of(memory).agree != 0);
	CHECK(guestram_memory_destroy(memory, &err) == 0);
	CHECK(pool() == before);
	options.size_bytes = (uint64_t)1 << 44;
	CHECK(guestram_memory_create(handle, &options, &other, &err) < 0 && !other);
	CHECK(err.message[0] && pool() == before);
	options.size_bytes = 16 * MIB;
	options.keep_free_bytes = (uint64_t)1 << 50;
	CHECK(guestram_memory_create(handle, &options, &other, &err) == -ENOMEM && !other);
	CHECK(err.kind == GUESTRAM_ERROR_HOST && pool() == before);
}

/* A child that has inherited the memory gives back nothing; its parent does. */
static void child(void)
{
	struct guestram_memory_options options = options_of("child", 8, GUESTRAM_BACKING_DYNAMIC);
	uint64_t before = pool();
	struct guestram_memory *memory;
	int status = -1;
	pid_t pid;

	options.page_size_bytes = 2 * MIB;
	options.flags = GUESTRAM_MEMORY_SHARED;
	CHECK(guestram_memory_create(handle, &options, &memory, &err) == 0);
	pid = fork();
	if (!pid) {
		CHECK(guestram_memory_populate(memory, 0, &err) == 0);
		CHECK(guestram_memory_destroy(memory, &err) == 0);
		CHECK(pool() == before + 4);
		guestram_close(handle);
		exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(pool() == before + 4 && verdict_of(memory).kept);
	CHECK(guestram_memory_destroy(memory, &err) == 0 && pool() == before);
}

static void *thread(void *data)
{
	struct guestram_memory_options options = options_of(data, 4, GUESTRAM_BACKING_DYNAMIC);
	struct guestram_error why = { .size = sizeof(why) };
	struct guestram *own = NULL;
	int failed = guestram_open(NULL, &own, &why);

	options.page_size_bytes = 2 * MIB;
	for (int i = 0; i < 5 && !failed; i++) {
		struct guestram_verdict verdict = { .size = sizeof(verdict) };
		struct guestram_memory *memory = NULL;

		failed = guestram_memory_create(own, &options, &memory, &why);
		if (!failed)
			failed = guestram_memory_verify(memory, &verdict, &why) || !verdict.kept;
		if (guestram_memory_destroy(memory, &why) < 0)
			failed = 1;
	}
	if (failed)
		printf("%s: %s\n", (char *)data, why.message);
	guestram_close(own);
	return failed ? data : NULL;
}

static void threads(void)
{
	static char names[4][8] = { "t1", "t2", "t3", "t4" };
	uint64_t before = pool();
	pthread_t ids[4];
	void *failed;

	for (int i = 0; i < 4; i++)
		CHECK(!pthread_create(&ids[i], NULL, thread, names[i]));
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_join(ids[i], &failed) && !failed);
	CHECK(pool() == before);
}

/* Two steps, so that the commands can look at the lease in between. */
static void reserve(void)
{
	struct guestram_reserve_options options = { .size = sizeof(options), .name = "by-lib",
						    .size_bytes = 8 * MIB,
						    .page_size_bytes = 2 * MIB };
	uint64_t before = pool();

	CHECK(guestram_reserve(handle, &options, &err) == 0 && pool() == before + 4);
	CHECK(guestram_reserve(handle, &options, &err) == -EEXIST);
	CHECK(guestram_recover(handle, NULL, &err) == 0 && pool() == before + 4);
}

static void release(void)
{
	uint64_t pages = 0, before = pool();

	CHECK(guestram_release(handle, "by-lib", &pages, &err) == 0);
	CHECK(pages == 4 && pool() == before - 4);
	CHECK(guestram_release(handle, "by-lib", &pages, &err) == -ENOENT);
	CHECK(err.kind == GUESTRAM_ERROR_NO);
	CHECK(guestram_release(handle, NULL, NULL, &err) == -EINVAL);
}

static void busy(void)
{
	CHECK(guestram_release(handle, "hold-memory", NULL, &err) == -EBUSY);
	CHECK(err.kind == GUESTRAM_ERROR_NO);
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "structs", structs }, { "sizes", sizes },	{ "plain", plain },	{ "later", later },
	{ "child", child },	{ "threads", threads }, { "reserve", reserve }, { "release", release },
	{ "busy", busy },
};

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	CHECK(guestram_open(argc > 2 ? argv[2] : NULL, &handle, &err) == 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (!strcmp(cases[i].name, name)) {
			cases[i].run();
			guestram_close(handle);
			return 0;
		}
	}
	return 2;
}
