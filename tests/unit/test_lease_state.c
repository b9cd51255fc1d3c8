// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Bad days of the state directory: a disk that is full at any write of the ledger, leases of
 * another boot and of another version, a wall clock that is set; declarations of others, which no
 * pool is ever written for; and pages that nobody has and that do not come back.
 */
#include "lease_world.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "lease/books.h"

/* Wrapped by the linker: the ledger's own writes and clocks. */
static bool disk_counts;
static unsigned int disk_writes_left; /* then ENOSPC */
static bool disk_half;		      /* the first write that fails gets half of it onto the disk */
static int64_t wall_step_s, boot_step_s;

ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
time_t __wrap_time(time_t *ret);
int __real_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);

ssize_t __wrap_write(int fd, const void *data, size_t len)
{
	struct stat st;

	if (!disk_counts || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return __real_write(fd, data, len);
	if (disk_writes_left) {
		disk_writes_left--;
		return __real_write(fd, data, len);
	}
	if (disk_half && len > 1) {
		disk_half = false;
		return __real_write(fd, data, len / 2);
	}
	errno = ENOSPC;
	return -1;
}

time_t __wrap_time(time_t *ret)
{
	struct timespec ts;

	__wrap_clock_gettime(CLOCK_REALTIME, &ts);
	if (ret)
		*ret = ts.tv_sec;
	return ts.tv_sec;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
	int r = __real_clock_gettime(clock, ret);

	if (clock == CLOCK_REALTIME)
		ret->tv_sec += wall_step_s;
	if (clock == CLOCK_BOOTTIME)
		ret->tv_sec += boot_step_s;
	return r;
}

static uint64_t lost_pages; /* that nobody has, on any node */

uint64_t __wrap_gr_lost_pages(const struct gr_root *root, uint64_t page_size_bytes, int node);

uint64_t __wrap_gr_lost_pages(const struct gr_root *root, uint64_t page_size_bytes, int node)
{
	return lost_pages;
}

static void disk_full_after(unsigned int writes, bool half)
{
	disk_counts = true;
	disk_writes_left = writes;
	disk_half = half;
}

static void disk_free(void)
{
	disk_counts = false;
}

/* No half-written file may stay, under whichever name. */
static void assert_no_temporaries(struct world *w)
{
	struct gr_leases list;

	/* Before the listing, which would remove it. */
	assert_int_equal(faccessat(w->ledger->leases_fd, ".vm.new", F_OK, 0), -1);
	assert_int_equal(gr_ledger_list(w->ledger, &list, NULL), 0);
	assert_int_equal(list.damaged_count + list.aside_count, 0);
	gr_leases_done(&list);
}

#define WRITES_MAX 40

static void disk_full_while_reserving(void **state)
{
	struct world *w = *state;
	unsigned int refused = 0;
	int r = -1;

	kernel_set_persistent(w->k, 0, 7);
	for (unsigned int i = 0; i < 2 * WRITES_MAX; i++) {
		disk_full_after(i / 2, i % 2);
		r = reserve(w, "vm", 0, 20);
		disk_free();
		if (r >= 0)
			break;
		refused++;
		if (i < 2) { /* before anything was done */
			assert_int_equal(r, -ENOSPC);
			assert_int_equal(w->err.class, GR_CLASS_SYSTEM);
			assert_non_null(
				strstr(w->err.message, "/run/guestram/leases/vm.json: No space"));
			assert_pool(w, 0, 7, 7, 0);
			assert_int_equal(lease_count(w), 0);
		}
		assert_no_temporaries(w);
		assert_int_equal(recover(w), 0);
		assert_int_equal(lease_count(w), 0);
		assert_pool(w, 0, 7, 7, 0);
	}
	assert_int_equal(r, 0);
	assert_in_range(refused, 4, WRITES_MAX);
	assert_int_equal(release(w, "vm", NULL), 0);
	assert_pool(w, 0, 7, 7, 0);
}

/* The pages stay owed, and go back once there is room again. With surplus there are more writes. */
static void disk_full_while_releasing(void **state)
{
	struct world *w = *state;
	unsigned int refused = 0;

	kernel_set_persistent(w->k, 0, 7);
	kernel_take(w->k, 0, 7);
	for (unsigned int i = 0; i < 2 * WRITES_MAX; i++) {
		int r;

		if (i == 10) /* others' surplus from here on */
			assert_int_equal(kernel_surplus(w->k, 0, 5), 5);
		assert_int_equal(reserve(w, "vm", 0, 20), 0);
		disk_full_after(i / 2 % 5, i % 2);
		r = release(w, "vm", NULL);
		disk_free();
		assert_no_temporaries(w);
		if (r < 0) {
			refused++;
			assert_int_equal(lease_count(w), 1);
			assert_int_equal(release(w, "vm", NULL), 0);
		}
		assert_int_equal(recover(w), 0);
		assert_int_equal(lease_count(w), 0);
		assert_pool(w, 0, i < 10 ? 7 : 12, 0, i < 10 ? 0 : 5);
	}
	assert_in_range(refused, 4, 2 * WRITES_MAX);
}

static int hold_to_lend(struct world *w)
{
	const struct gr_grant grant = { .node = 0, .page_size_bytes = MODEL_PAGE, .pages = 50 };
	const struct gr_reserve_options options = { .grants = &grant, .grant_count = 1,
						    .lend = true };
	struct gr_lease *lease = NULL;
	int r = gr_reserve(w->ledger, "win", &options, &lease, &w->report, &w->err);

	gr_lease_free(lease);
	return r;
}

/* Between lender, borrower and pool it always adds up; the borrower has all that it wants, or none. */
static void disk_full_while_lending(void **state)
{
	struct world *w = *state;
	int r = -1;

	for (unsigned int i = 0; i < 2 * WRITES_MAX && r < 0; i++) {
		struct gr_lease *lease;

		w->k->limit[0] = 100000;
		assert_int_equal(hold_to_lend(w), 0);
		w->k->limit[0] = 53;
		disk_full_after(i / 2, i % 2);
		r = reserve(w, "vm", 0, 20);
		disk_free();
		assert_no_temporaries(w);
		assert_int_equal(recover(w), 0);
		lease = find(w, "win");
		assert_non_null(lease);
		assert_int_equal(lease->state, GR_LEASE_HELD);
		assert_int_equal(lease->grants[0].pages + lease->grants[0].lent_pages, 50);
		gr_lease_free(lease);
		assert_int_equal(lease_count(w), r < 0 ? 1 : 2);
		assert_int_equal(w->k->total[0], owed(w, 0));
		if (r >= 0)
			assert_int_equal(release(w, "vm", NULL), 0);
		assert_int_equal(release(w, "win", NULL), 0);
		assert_pool(w, 0, 0, 0, 0);
	}
	assert_int_equal(r, 0);
}

/* A copy of a lease's file under another name, with one word changed. */
static void put_changed(struct world *w, const char *from, const char *to, const char *word,
			const char *instead)
{
	struct gr_lease *lease = find(w, from);
	_cleanup_free_ char *text = NULL, *changed = NULL;
	char path[256], *at;
	FILE *f;

	assert_non_null(lease);
	snprintf(lease->name, sizeof(lease->name), "%s", to);
	text = gr_lease_to_text(lease);
	gr_lease_free(lease);
	at = strstr(text, word);
	assert_non_null(at);
	assert_int_equal(gr_asprintf(&changed, "%.*s%s%s", (int)(at - text), text, instead,
				     at + strlen(word)),
			 0);
	snprintf(path, sizeof(path), "%s/guestram/leases/%s.json", model_run_dir(w->root), to);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(changed, f);
	fclose(f);
}

static void other_version(void **state)
{
	struct world *w = *state;
	struct gr_recovery recovery = { 0 };
	struct gr_lease *lease = NULL;

	assert_int_equal(reserve(w, "vm", 0, 20), 0);
	put_changed(w, "vm", "newer", "guestram.lease/1", "guestram.lease/2");
	assert_int_equal(gr_ledger_find(w->ledger, "newer", &lease, &w->err), -EPROTO);
	assert_non_null(strstr(w->err.message, "of another version"));
	assert_int_equal(release(w, "newer", NULL), -EPROTO);
	assert_int_equal(reserve(w, "newer", 0, 5), -EPROTO);
	/* Nobody touches it, and it is in nobody's way. */
	assert_int_equal(gr_recover(w->ledger, &recovery, NULL), 0);
	assert_int_equal(recovery.unresolved_count, 1);
	assert_string_equal(recovery.unresolved[0], "newer.json");
	gr_recovery_done(&recovery);
	assert_int_equal(faccessat(w->ledger->leases_fd, "newer.json", F_OK, 0), 0);
	assert_pool(w, 0, 20, 20, 0);
	assert_int_equal(release(w, "vm", NULL), 0);
	assert_pool(w, 0, 0, 0, 0);
}

static void other_state_of_the_world(void **state)
{
	struct world *w = *state;
	struct gr_leases list;

	assert_int_equal(reserve(w, "vm", 0, 20), 0);
	put_changed(w, "vm", "odd", "\"held\"", "\"melted\"");
	assert_int_equal(gr_ledger_list(w->ledger, &list, NULL), 0);
	assert_int_equal(list.damaged_count, 1);
	gr_leases_done(&list);
	assert_int_equal(release(w, "vm", NULL), 0);
}

/* Only CLOCK_BOOTTIME decides: the wall clock is for people. */
static void clock_steps(void **state)
{
	static const int64_t steps[] = { 0, INT64_C(400000000), INT64_C(-400000000) };
	static const struct gr_grant grant = { .node = 0,
					       .page_size_bytes = MODEL_PAGE,
					       .pages = 20 };
	struct world *w = *state;

	w->model->alive[0] = getpid(); /* its keeper, so that only the time is in question */
	for (size_t i = 0; i < GR_ARRAY_SIZE(steps); i++) {
		boot_step_s = 0;
		wall_step_s = steps[(i + 1) % GR_ARRAY_SIZE(steps)];
		assert_int_equal(reserve_grants(w, "vm", &grant, 1, true), 0);
		wall_step_s = steps[i];
		assert_int_equal(recover(w), 0);
		assert_int_equal(lease_count(w), 1);
		boot_step_s = 9 * 60;
		assert_int_equal(recover(w), 0);
		assert_int_equal(lease_count(w), 1);
		boot_step_s = 11 * 60;
		assert_int_equal(recover(w), 0);
		assert_int_equal(lease_count(w), 0);
		assert_pool(w, 0, 0, 0, 0);
	}
	wall_step_s = boot_step_s = 0;
}

/* The deadline of a debt is of the same clock. */
static void clock_steps_and_debts(void **state)
{
	struct world *w = *state;

	kernel_set_persistent(w->k, 0, 64);
	assert_int_equal(kernel_take(w->k, 0, 64), 64);
	assert_int_equal(kernel_surplus(w->k, 0, 50), 50);
	assert_int_equal(reserve(w, "vm", 0, 100), 0);
	kernel_free(w->k, 0, 50);
	assert_int_equal(release(w, "vm", NULL), 0);
	assert_pool(w, 0, 114, 50, 0);
	wall_step_s = INT64_C(400000000);
	assert_int_equal(recover(w), 0);
	assert_int_equal(lease_count(w), 1);
	wall_step_s = INT64_C(-400000000);
	boot_step_s = 11 * 60;
	assert_int_equal(recover(w), 0);
	assert_int_equal(lease_count(w), 0);
	assert_pool(w, 0, 64, 0, 0);
	wall_step_s = boot_step_s = 0;
}

/* --- declarations --- */

static int declare(struct world *w, const char *name, int node, uint64_t pages, pid_t pid)
{
	const struct gr_grant grant = { .node = node,
					.page_size_bytes = MODEL_PAGE,
					.pages = pages };
	_cleanup_host_ struct gr_host *host = NULL;
	struct gr_lease *lease = NULL;
	int r;

	assert_int_equal(gr_host_read(w->root, GR_READ_POOLS, &host, NULL), 0);
	r = gr_external_declare(w->ledger, name, host, &grant, 1, pid, &lease, &w->err);
	if (r >= 0) {
		assert_int_equal(lease->state, GR_LEASE_EXTERNAL);
		assert_int_equal(lease->grants[0].node, w->k->nodes == 1 && node < 0 ? 0 : node);
	}
	gr_lease_free(lease);
	return r;
}

/* Whatever happens, no pool is written for it. */
static void declarations_write_no_pool(void **state)
{
	struct world *w = *state;
	uint64_t pages = 77;

	kernel_set_persistent(w->k, 0, 64);
	kernel_take(w->k, 0, 10);
	w->model->alive[0] = 4711;
	assert_int_equal(declare(w, "ovs", 0, 64, 4711), 0);
	assert_int_equal(declare(w, "spdk", -1, 1000, 0), 0);
	assert_int_equal(recover(w), 0);
	w->model->alive[0] = 0; /* its process ends: it may come again */
	assert_int_equal(recover(w), 0);
	boot_step_s = 3600;
	assert_int_equal(recover(w), 0);
	boot_step_s = 0;
	assert_int_equal(lease_count(w), 2);
	/* Others come and go beside it. */
	assert_int_equal(reserve(w, "vm", 0, 20), 0);
	assert_int_equal(release(w, "vm", NULL), 0);
	assert_pool(w, 0, 64, 54, 0);
	w->model->writes = 0;
	assert_int_equal(release(w, "ovs", &pages), 0);
	assert_int_equal(pages, 0);
	assert_int_equal(release(w, "spdk", NULL), 0);
	assert_int_equal(lease_count(w), 0);
	assert_int_equal(w->model->writes, 0);
	assert_pool(w, 0, 64, 54, 0);
}

static void declarations_refused(void **state)
{
	struct world *w = *state;

	assert_int_equal(declare(w, "ovs", 0, 10, 0), 0);
	assert_int_equal(declare(w, "ovs", 0, 10, 0), -EEXIST);
	assert_int_equal(w->err.class, GR_CLASS_USAGE);
	assert_int_equal(reserve(w, "ovs", 0, 10), -EEXIST);
	assert_non_null(strstr(w->err.hint, "release ovs"));
	assert_int_equal(declare(w, "../ovs", 0, 10, 0), -EINVAL);
	assert_int_equal(declare(w, "b", 7, 10, 0), -ENODEV);
	assert_int_equal(declare(w, "b", 0, 10, 4711), -ESRCH);
	assert_int_equal(w->err.class, GR_CLASS_NO);
	disk_full_after(0, false);
	assert_int_equal(declare(w, "b", 0, 10, 0), -ENOSPC);
	disk_free();
	assert_int_equal(lease_count(w), 1);
	assert_int_equal(release(w, "ovs", NULL), 0);
}

static void declarations_of_another_boot(void **state)
{
	struct world *w = *state;

	assert_int_equal(declare(w, "ovs", 0, 10, 0), 0);
	world_close(w);
	w->model->boot_id[0] = '9';
	world_open(w);
	assert_int_equal(recover(w), 0);
	assert_int_equal(lease_count(w), 0);
	assert_int_equal(w->model->writes, 0);
}

/* A lease that is over and still owes pages is in nobody's way: the next one of that name owes them
 * on. */
static void stuck_pages_are_taken_over(void **state)
{
	struct world *w = *state;
	struct gr_lease *lease;

	assert_int_equal(reserve(w, "vm", 0, 20), 0);
	w->model->deaf = true;
	assert_int_equal(release(w, "vm", NULL), -EIO);
	w->model->deaf = false;
	lease = find(w, "vm");
	assert_int_equal(lease->state, GR_LEASE_OWED);
	gr_lease_free(lease);
	assert_int_equal(reserve(w, "vm", 0, 30), 0);
	assert_pool(w, 0, 50, 50, 0);
	assert_int_equal(owed(w, 0), 50);
	assert_int_equal(release(w, "vm", NULL), 0);
	assert_pool(w, 0, 0, 0, 0);
	assert_int_equal(lease_count(w), 0);
}

/* --- pages that nobody has --- */

/* Only what is free is released. The rest is not made surplus: another owner would pay for it. */
static void lost_pages_stay(void **state)
{
	struct world *w = *state;
	struct gr_lease *lease;
	uint64_t pages = 0;

	kernel_set_persistent(w->k, 0, 64);
	assert_int_equal(kernel_take(w->k, 0, 64), 64);
	assert_int_equal(reserve(w, "vm", 0, 20), 0);
	assert_int_equal(kernel_take(w->k, 0, 8), 8);
	lost_pages = 1000; /* not only ours */
	assert_int_equal(release(w, "vm", &pages), -EBUSY);
	assert_int_equal(pages, 12);
	assert_int_equal(w->err.class, GR_CLASS_STRANDED);
	assert_non_null(strstr(w->err.message, "8 pages of 2 MiB in use (node 0)"));
	assert_non_null(strstr(w->err.message, "kernel suspect; 12 other pages given back"));
	assert_pool(w, 0, 72, 0, 0);
	lease = find(w, "vm");
	assert_int_equal(lease->state, GR_LEASE_OWED);
	assert_int_equal(gr_lease_pages(lease), 8);
	gr_lease_free(lease);
	/* The other owner lets go of some and takes them again: they are there. */
	kernel_free(w->k, 0, 10);
	assert_int_equal(kernel_take(w->k, 0, 10), 10);
	/* Recovery tries again, without a complaint each minute, and a VM of that name may start.
	 */
	assert_int_equal(recover(w), 0);
	assert_int_equal(owed(w, 0), 8);
	assert_int_equal(reserve(w, "vm", 0, 20), 0);
	assert_int_equal(release(w, "vm", &pages), -EBUSY);
	assert_int_equal(pages, 20);
	/* They come back after all. */
	lost_pages = 0;
	kernel_free(w->k, 0, 8);
	assert_int_equal(recover(w), 0);
	assert_int_equal(lease_count(w), 0);
	assert_pool(w, 0, 64, 0, 0);
}

/* What somebody holds goes the way it always went: it is surplus until he lets go. */
static void lost_beside_held(void **state)
{
	struct world *w = *state;

	assert_int_equal(reserve(w, "vm", 0, 20), 0);
	assert_int_equal(kernel_take(w->k, 0, 8), 8);
	lost_pages = 5;
	assert_int_equal(release(w, "vm", NULL), -EBUSY);
	assert_pool(w, 0, 8, 0, 3);
	assert_int_equal(owed(w, 0), 5);
	kernel_free(w->k, 0, 3);
	assert_pool(w, 0, 5, 0, 0);
	/* None is lost that is free, whatever a look at the processes said. */
	lost_pages = 1000;
	kernel_free(w->k, 0, 5);
	assert_int_equal(recover(w), 0);
	assert_pool(w, 0, 0, 0, 0);
	assert_int_equal(lease_count(w), 0);
	lost_pages = 0;
}

static void act_release(struct world *w)
{
	release(w, "vm", NULL);
}

/* Killed at any point of that, nothing is forgotten and nothing is taken twice. */
static void lost_and_killed(void **state)
{
	struct world *w = *state;
	unsigned int at;
	bool died = true;

	kernel_set_persistent(w->k, 0, 64);
	for (at = 1; died; at++) {
		assert_int_equal(reserve(w, "vm", 0, 20), 0);
		assert_int_equal(kernel_take(w->k, 0, 64 + 8), 72);
		lost_pages = 8;
		died = killed_at(w, at, act_release);
		assert_int_equal(recover(w), 0);
		assert_int_equal(w->k->surplus[0], 0);
		assert_int_equal(kernel_persistent(w->k, 0), 64 + owed(w, 0));
		lost_pages = 0;
		kernel_free(w->k, 0, 72);
		assert_int_equal(recover(w), 0);
		if (lease_count(w)) /* killed before it began */
			assert_int_equal(release(w, "vm", NULL), 0);
		assert_pool(w, 0, 64, 64, 0);
		assert_int_equal(lease_count(w), 0);
	}
	assert_in_range(at, 6, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(disk_full_while_reserving),
		TWO(disk_full_while_reserving),
		ONE(disk_full_while_releasing),
		ONE(disk_full_while_lending),
		ONE(other_version),
		ONE(other_state_of_the_world),
		ONE(clock_steps),
		ONE(clock_steps_and_debts),
		ONE(declarations_write_no_pool),
		TWO(declarations_write_no_pool),
		ONE(declarations_refused),
		ONE(declarations_of_another_boot),
		ONE(stuck_pages_are_taken_over),
		ONE(lost_pages_stay),
		ONE(lost_beside_held),
		ONE(lost_and_killed),
	};

	return cmocka_run_group_tests_name("lease, state directory", tests, NULL, NULL);
}
