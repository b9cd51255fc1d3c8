/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host with memory blocks in a temporary directory, and a model of what the kernel makes of a
 * write to one of them, in place of gr_block_write(). A forked child that dies in the middle leaves
 * the files as they were at that moment; the points are before and after each change.
 */
#ifndef GR_TEST_BLOCK_WORLD_H
#define GR_TEST_BLOCK_WORLD_H

#include "temp_root.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include "base/util.h"
#include "lease/block_note.h"
#include "lease/blocks.h"

#define MEMORY "sys/devices/system/memory"
#define DIED 77
#define BLOCKS_MAX 512

struct block_model { /* shared with children */
	struct temp_root *dir;
	unsigned int point, die_at; /* die_at 0: never */
	uint64_t refused;           /* this block does not go offline; 0: none */
	uint64_t stuck;             /* this one is on its way for ever, and with it all others wait */
	bool all_refused;
	bool no_movable;            /* online_movable is refused */
	bool changes_end_offline;   /* how a change that a kill interrupted ends */
	unsigned int events;
	uint64_t slept_ns; /* by the clock of the program, not by that of the test */
	/* Called when a block has gone offline, and has come back. */
	void (*at_offline)(struct block_model *model, uint64_t block);
	void (*at_online)(struct block_model *model, uint64_t block);
};

static struct block_model *the_model;

int __real_renameat(int old_fd, const char *old_path, int new_fd, const char *new_path);
int __real_unlinkat(int fd, const char *path, int flags);
int __wrap_renameat(int old_fd, const char *old_path, int new_fd, const char *new_path);
int __wrap_unlinkat(int fd, const char *path, int flags);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left);
uint64_t __real_gr_now_ns(void);
uint64_t __wrap_gr_now_ns(void);
int __wrap_gr_block_write(const struct gr_ledger *ledger, const uint64_t *blocks, size_t count,
			  const char *word, uint64_t deadline_ns, const volatile int *interrupted);

uint64_t __wrap_gr_now_ns(void)
{
	return __real_gr_now_ns() + the_model->slept_ns;
}

static inline void kill_point(void)
{
	if (the_model && the_model->die_at && ++the_model->point == the_model->die_at)
		_exit(DIED);
}

int __wrap_renameat(int old_fd, const char *old_path, int new_fd, const char *new_path)
{
	int r;

	kill_point();
	r = __real_renameat(old_fd, old_path, new_fd, new_path);
	kill_point();
	return r;
}

int __wrap_unlinkat(int fd, const char *path, int flags)
{
	int r;

	kill_point();
	r = __real_unlinkat(fd, path, flags);
	kill_point();
	return r;
}

static inline void put_block(uint64_t block, const char *file, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), MEMORY "/memory%llu/%s", (unsigned long long)block, file);
	temp_root_put(the_model->dir, path, text);
}

static inline void add_block(uint64_t block, const char *state, const char *zones)
{
	char path[128];

	put_block(block, "state", state);
	put_block(block, "valid_zones", zones);
	snprintf(path, sizeof(path), "sys/devices/system/node/node0/memory%llu",
		 (unsigned long long)block);
	temp_root_put(the_model->dir, path, "");
}

/* The kernel ends on its own what the death of a writer interrupted. */
int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	the_model->slept_ns += (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_nsec;
	for (uint64_t i = 0; i < BLOCKS_MAX; i++) {
		char path[GR_BLOCK_PATH_MAX];

		if (i == the_model->stuck ||
		    !gr_root_exists(the_model->dir->root, gr_block_path(i, "state", path)) ||
		    gr_block_state(the_model->dir->root, i) != GR_BLOCK_CHANGING)
			continue;
		put_block(i, "state", the_model->changes_end_offline ? "offline\n" : "online\n");
	}
	return 0;
}

static inline int write_one(uint64_t block, const char *word)
{
	int state = gr_block_state(the_model->dir->root, block);

	if (the_model->stuck &&
	    (block == the_model->stuck ||
	     gr_block_state(the_model->dir->root, the_model->stuck) == GR_BLOCK_CHANGING)) {
		if (block == the_model->stuck)
			put_block(block, "state", "going-offline\n");
		return -ETIMEDOUT;
	}
	kill_point();
	if (!strcmp(word, "offline\n")) {
		assert_int_equal(state, GR_BLOCK_ONLINE);
		put_block(block, "state", "going-offline\n");
		kill_point();
		if (block == the_model->refused || the_model->all_refused) {
			put_block(block, "state", "online\n");
			return -EBUSY;
		}
		put_block(block, "state", "offline\n");
		the_model->events++;
		if (the_model->at_offline)
			the_model->at_offline(the_model, block);
	} else {
		assert_int_equal(state, GR_BLOCK_OFFLINE);
		if (!strcmp(word, "online_movable\n") && the_model->no_movable)
			return -EINVAL;
		put_block(block, "valid_zones",
			  strcmp(word, "online_movable\n") ? "Normal\n" : "Movable\n");
		put_block(block, "state", "online\n");
		the_model->events++;
		if (the_model->at_online)
			the_model->at_online(the_model, block);
	}
	kill_point();
	return 0;
}

int __wrap_gr_block_write(const struct gr_ledger *ledger, const uint64_t *blocks, size_t count,
			  const char *word, uint64_t deadline_ns, const volatile int *interrupted)
{
	int first = 0;

	for (size_t i = 0; i < count; i++) {
		int r = write_one(blocks[i], word);

		if (first >= 0)
			first = r;
	}
	return first;
}

static inline int block_world_setup(void **state)
{
	temp_root_setup(state);
	the_model = mmap(NULL, sizeof(*the_model), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(the_model, MAP_FAILED);
	the_model->dir = *state;
	temp_root_put(*state, "proc/sys/kernel/random/boot_id", "1234-5678\n");
	temp_root_put(*state, "run/.keep", "");
	return 0;
}

static inline int block_world_teardown(void **state)
{
	munmap(the_model, sizeof(*the_model));
	the_model = NULL;
	return temp_root_teardown(state);
}

static inline struct gr_ledger *ledger_open(void)
{
	struct gr_ledger *ledger = NULL;
	struct gr_error err;

	assert_int_equal(gr_ledger_open(the_model->dir->root, false, 0, &ledger, &err), 0);
	return ledger;
}

static inline bool any_note(struct gr_ledger *ledger)
{
	_cleanup_free_ uint64_t *blocks = NULL;
	size_t count;

	assert_int_equal(gr_block_notes(ledger, &blocks, &count), 0);
	return count != 0;
}

#define IN_BLOCK_WORLD(test) \
	cmocka_unit_test_setup_teardown(test, block_world_setup, block_world_teardown)

#endif
