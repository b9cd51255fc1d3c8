// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Memory blocks: what is noted before which write, what recovery makes of every state that a kill
 * can leave, and what it must not touch. Blocks are of 64 KiB here, so that page flags are few.
 */
#include "block_world.h"

#include <time.h>

#define PAGES 16
#define POINTS_MAX 400

/* 10 and 12 are the kernel's, 11 is movable, 13 was taken offline by somebody else. */
static void build(void)
{
	static const char zeros[14 * PAGES * 8 + 1];
	char full[512];
	FILE *f;

	temp_root_put(the_model->dir, MEMORY "/block_size_bytes", "10000\n");
	add_block(10, "online\n", "Normal\n");
	add_block(11, "online\n", "Movable\n");
	add_block(12, "online\n", "Normal\n");
	add_block(13, "offline\n", "Normal Movable\n");
	temp_root_path(the_model->dir, "proc/kpageflags", full, sizeof(full));
	f = fopen(full, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(zeros, 1, sizeof(zeros) - 1, f), sizeof(zeros) - 1);
	fclose(f);
}

/* A huge page somewhere in a block, or none. */
static void set_huge(uint64_t block, bool huge)
{
	uint64_t flags = huge ? UINT64_C(1) << 17 | 1 << 15 : 0;
	char full[512];
	FILE *f;

	temp_root_path(the_model->dir, "proc/kpageflags", full, sizeof(full));
	f = fopen(full, "r+");
	assert_non_null(f);
	fseek(f, (long)((block * PAGES + 3) * 8), SEEK_SET);
	assert_int_equal(fwrite(&flags, 8, 1, f), 1);
	fclose(f);
}

static int state_of(uint64_t block)
{
	return gr_block_state(the_model->dir->root, block);
}

static int offline(struct gr_ledger *ledger, uint64_t block)
{
	return gr_block_offline(ledger, block, gr_now_ns() + 1000000000, NULL);
}

static uint64_t recover(struct gr_ledger *ledger, int expected)
{
	uint64_t blocks;
	struct gr_error err;

	assert_int_equal(gr_blocks_recover(ledger, &blocks, &err), expected);
	if (expected < 0)
		assert_int_equal(err.class, GR_CLASS_STRANDED);
	return blocks;
}

static void assert_as_built(struct gr_ledger *ledger)
{
	for (uint64_t i = 10; i <= 12; i++)
		assert_int_equal(state_of(i), GR_BLOCK_ONLINE);
	assert_int_equal(gr_block_movable(the_model->dir->root, 10), 0);
	assert_int_equal(gr_block_movable(the_model->dir->root, 11), 1);
	assert_int_equal(gr_block_movable(the_model->dir->root, 12), 0);
	assert_int_equal(state_of(13), GR_BLOCK_OFFLINE);
	assert_false(any_note(ledger));
	assert_false(gr_root_exists(the_model->dir->root, "run/guestram/blocks"));
}

static void facts(void **state)
{
	uint64_t number;

	build();
	assert_int_equal(gr_block_bytes(the_model->dir->root, &number), 0);
	assert_int_equal(number, 0x10000);
	assert_int_equal(gr_block_top(the_model->dir->root, 0, &number), 0);
	assert_int_equal(number, 13);
	temp_root_put(the_model->dir, MEMORY "/block_size_bytes", "10x\n");
	assert_int_equal(gr_block_bytes(the_model->dir->root, &number), -EBADMSG);
	assert_int_equal(gr_block_state(the_model->dir->root, 99), -ENOENT);
	put_block(10, "valid_zones", "none\n");
	assert_int_equal(gr_block_movable(the_model->dir->root, 10), -EBUSY);
}

static void there_and_back(void **state)
{
	struct gr_ledger *ledger;
	const uint64_t both[] = { 10, 11 };
	struct gr_block_note note;

	build();
	ledger = ledger_open();
	assert_int_equal(offline(ledger, 10), 0);
	assert_int_equal(offline(ledger, 11), 0);
	assert_int_equal(gr_block_note_read(ledger, 11, &note), 0);
	assert_true(note.movable);
	assert_int_equal(gr_blocks_online(ledger, both, 2, false, NULL), 0);
	/* One of ZONE_MOVABLE is lent now, and known to be. */
	assert_int_equal(gr_block_note_read(ledger, 10, &note), -ENOENT);
	assert_int_equal(gr_block_note_read(ledger, 11, &note), 0);
	assert_int_equal(gr_block_movable(the_model->dir->root, 11), 0);
	assert_int_equal(recover(ledger, 0), 1);
	assert_as_built(ledger);
	/* Offline again while lent, and home. */
	assert_int_equal(offline(ledger, 11), 0);
	assert_int_equal(gr_blocks_online(ledger, &both[1], 1, true, NULL), 0);
	assert_as_built(ledger);
	gr_ledger_close(ledger);
}

static void what_refuses(void **state)
{
	struct gr_ledger *ledger;
	size_t stranded;
	const uint64_t all[] = { 10, 11, 12, 13 };

	build();
	ledger = ledger_open();
	the_model->refused = 12;
	assert_int_equal(offline(ledger, 12), -EBUSY);
	/* Somebody else's, and one of several zones, are not even tried. */
	assert_int_equal(offline(ledger, 13), -EALREADY);
	assert_int_equal(gr_blocks_online(ledger, &all[3], 1, false, &stranded), -ENOENT);
	assert_int_equal(stranded, 1);
	put_block(10, "valid_zones", "none\n");
	assert_int_equal(offline(ledger, 10), -EBUSY);
	put_block(10, "valid_zones", "Normal\n");
	assert_int_equal(the_model->events, 0);
	assert_as_built(ledger);
	/* A zone that the kernel refuses: online in another one, lent. */
	assert_int_equal(offline(ledger, 11), 0);
	the_model->no_movable = true;
	assert_int_equal(gr_blocks_online(ledger, &all[1], 1, true, NULL), 0);
	assert_int_equal(state_of(11), GR_BLOCK_ONLINE);
	assert_true(any_note(ledger));
	the_model->no_movable = false;
	assert_int_equal(recover(ledger, 0), 1);
	assert_as_built(ledger);
	gr_ledger_close(ledger);
}

static void hooks_take_nothing_offline(void **state)
{
	struct gr_ledger *ledger;
	struct gr_block_note note;
	const uint64_t eleven = 11;

	build();
	ledger = ledger_open();
	assert_int_equal(offline(ledger, 10), 0);
	assert_int_equal(offline(ledger, 11), 0);
	assert_int_equal(gr_blocks_online(ledger, &eleven, 1, false, NULL), 0);
	gr_ledger_keep_blocks(ledger);
	assert_int_equal(offline(ledger, 12), -EPERM);
	the_model->events = 0;
	/* What is offline comes back, what is lent stays so. */
	assert_int_equal(recover(ledger, 0), 1);
	assert_int_equal(the_model->events, 1);
	assert_int_equal(state_of(10), GR_BLOCK_ONLINE);
	assert_int_equal(gr_block_note_read(ledger, 11, &note), 0);
	assert_int_equal(note.tries, 0);
	gr_ledger_close(ledger);
}

static void lent_blocks_stay_under_huge_pages(void **state)
{
	struct gr_ledger *ledger;
	const uint64_t eleven = 11;

	build();
	ledger = ledger_open();
	assert_int_equal(offline(ledger, 11), 0);
	assert_int_equal(gr_blocks_online(ledger, &eleven, 1, false, NULL), 0);
	set_huge(11, true);
	the_model->events = 0;
	assert_int_equal(recover(ledger, 0), 0);
	assert_int_equal(the_model->events, 0);
	/* Nor where nobody can tell. */
	set_huge(11, false);
	temp_root_put(the_model->dir, "proc/kpageflags", "");
	assert_int_equal(recover(ledger, 0), 0);
	assert_int_equal(the_model->events, 0);
	build();
	put_block(11, "valid_zones", "Normal\n");
	assert_int_equal(recover(ledger, 0), 1);
	assert_as_built(ledger);
	gr_ledger_close(ledger);
}

/* What cannot return is tried three times in a row, then at growing intervals. */
static void returns_are_tried_less_and_less(void **state)
{
	struct gr_ledger *ledger;
	struct gr_block_note note;
	const uint64_t eleven = 11;

	build();
	ledger = ledger_open();
	assert_int_equal(offline(ledger, 11), 0);
	assert_int_equal(gr_blocks_online(ledger, &eleven, 1, false, NULL), 0);
	the_model->refused = 11;
	for (unsigned int i = 1; i <= 6; i++) {
		assert_int_equal(recover(ledger, 0), 0);
		assert_int_equal(gr_block_note_read(ledger, 11, &note), 0);
		assert_int_equal(note.tries, i < 3 ? i : 3);
	}
	assert_true(note.retry_ns > gr_boottime_ns());
	note.retry_ns = 0;
	assert_int_equal(gr_block_note_save(ledger, 11, &note), 0);
	the_model->refused = 0;
	assert_int_equal(recover(ledger, 0), 1);
	assert_as_built(ledger);
	gr_ledger_close(ledger);
}

static void notes_that_mean_nothing(void **state)
{
	struct gr_ledger *ledger;
	struct gr_block_note note = { .movable = true };

	build();
	ledger = ledger_open();
	/* Of an earlier boot: the block that is offline now is not ours. */
	temp_root_put(the_model->dir, "run/guestram/blocks/13", "movable 0 0 8765-4321\n");
	/* No such block any more. */
	assert_int_equal(gr_block_note_save(ledger, 77, &note), 0);
	/* Unreadable, and it does not matter; left by a kill. */
	temp_root_put(the_model->dir, "run/guestram/blocks/12", "mov");
	temp_root_put(the_model->dir, "run/guestram/blocks/.12.new", "mov");
	assert_int_equal(recover(ledger, 0), 0);
	assert_as_built(ledger);
	/* Unreadable, and the block is offline: for a person to decide. */
	temp_root_put(the_model->dir, "run/guestram/blocks/13", "kernel 0 0 1234-5678 x\n");
	recover(ledger, -EBADMSG);
	assert_int_equal(state_of(13), GR_BLOCK_OFFLINE);
	assert_true(any_note(ledger));
	gr_ledger_close(ledger);
}

/* A block on its way for ever: the others wait for it and stay offline, which is said; later they
 * come back. */
static void stuck(void **state)
{
	struct gr_ledger *ledger;
	size_t stranded;
	const uint64_t ten = 10;

	build();
	ledger = ledger_open();
	assert_int_equal(offline(ledger, 10), 0);
	the_model->stuck = 12;
	assert_int_equal(offline(ledger, 12), -ETIMEDOUT);
	assert_int_equal(gr_blocks_online(ledger, &ten, 1, true, &stranded), -ETIMEDOUT);
	assert_int_equal(stranded, 1);
	assert_int_equal(recover(ledger, -ETIMEDOUT), 0);
	the_model->stuck = 0;
	the_model->changes_end_offline = true;
	assert_int_equal(recover(ledger, 0), 2);
	assert_as_built(ledger);
	gr_ledger_close(ledger);
}

/* --- every kill point --- */

static void act_cycle(struct gr_ledger *ledger)
{
	uint64_t gone[3];
	size_t count = 0;
	int r = 0;

	for (uint64_t i = 10; i <= 12 && r >= 0; i++) {
		r = offline(ledger, i);
		if (r >= 0)
			gone[count++] = i;
	}
	gr_blocks_online(ledger, gone, count, r < 0, NULL);
}

static void act_recover(struct gr_ledger *ledger)
{
	uint64_t blocks;

	gr_blocks_recover(ledger, &blocks, NULL);
}

/* Runs @act in a child that dies at point @at. Return: false if it ended before that. */
static bool killed_at(unsigned int at, void (*act)(struct gr_ledger *ledger))
{
	int status;
	pid_t pid;

	the_model->point = 0;
	the_model->die_at = at;
	pid = fork();
	if (pid == 0) {
		struct gr_ledger *ledger = ledger_open();

		act(ledger);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	the_model->die_at = 0;
	assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == DIED));
	return WEXITSTATUS(status) == DIED;
}

static void try_all_points(unsigned int points_min)
{
	for (unsigned int at = 1; at < POINTS_MAX; at++) {
		struct gr_ledger *ledger;
		bool died;

		build();
		the_model->changes_end_offline = at & 1;
		died = killed_at(at, act_cycle);
		/* Recovery is killed at each of its points in turn, too. */
		for (unsigned int i = 1; (at & 2) && killed_at(i, act_recover); i++)
			assert_true(i < POINTS_MAX);
		ledger = ledger_open();
		recover(ledger, 0);
		assert_as_built(ledger);
		gr_ledger_close(ledger);
		if (!died) {
			print_message("%u kill points\n", at - 1);
			assert_true(at > points_min);
			return;
		}
	}
	fail_msg("it does not end");
}

static void killed_anywhere(void **state)
{
	try_all_points(28);
	the_model->refused = 12;
	try_all_points(25);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_BLOCK_WORLD(facts),
		IN_BLOCK_WORLD(there_and_back),
		IN_BLOCK_WORLD(what_refuses),
		IN_BLOCK_WORLD(hooks_take_nothing_offline),
		IN_BLOCK_WORLD(lent_blocks_stay_under_huge_pages),
		IN_BLOCK_WORLD(returns_are_tried_less_and_less),
		IN_BLOCK_WORLD(notes_that_mean_nothing),
		IN_BLOCK_WORLD(stuck),
		IN_BLOCK_WORLD(killed_anywhere),
	};

	return cmocka_run_group_tests_name("memory blocks", tests, NULL, NULL);
}
