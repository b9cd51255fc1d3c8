// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Random days of a host, from fixed seeds: leases come and go, their owners die, other VMs take and
 * free pages, another tool hands pages over as surplus, another owner changes his pool, guestram is
 * killed. After each event the persistent count of every node has to be what the other owner has
 * plus what the leases owe, and no surplus page may lie on a free list. In the evening, when
 * everybody is gone, the pools have to be what they were in the morning.
 */
#include "lease_world.h"

#define SEEDS 100
#define EVENTS 200
#define NAMES 6

struct day {
	struct world w;
	uint64_t seed;
	int nodes;
	uint64_t others[MODEL_NODES]; /* persistent pages of another owner */
	uint64_t in_use[MODEL_NODES]; /* by whomever */
	/* Untouched reservations are counted for the whole host: to keep one, the kernel may leave
	 * surplus pages on the free list of another node than the one that is taken in the end.
	 * On days without any, no such page may be there. */
	bool promises;
	uint64_t promised;
	unsigned int kills, debts, cycles;
};

static struct day *today; /* for those that run in a child */

static uint64_t rnd(struct day *d, uint64_t below)
{
	d->seed = d->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (d->seed >> 33) % below;
}

static const char *some_name(struct day *d)
{
	static const char *const all[NAMES] = { "a", "b", "c", "d", "e", "f" };

	return all[rnd(d, NAMES)];
}

static void set_alive(struct day *d, pid_t pid, bool alive)
{
	d->w.model->alive[pid % 16] = alive ? pid : 0;
}

static void take(struct day *d)
{
	int node = (int)rnd(d, (uint64_t)d->nodes);

	d->in_use[node] += kernel_take(d->w.k, node, rnd(d, 60));
}

static void let_go(struct day *d)
{
	int node = (int)rnd(d, (uint64_t)d->nodes);
	uint64_t pages = d->in_use[node] ? rnd(d, d->in_use[node] + 1) : 0;

	kernel_free(d->w.k, node, pages);
	d->in_use[node] -= pages;
}

static void hand_over(struct day *d)
{
	int node = (int)rnd(d, (uint64_t)d->nodes);

	d->in_use[node] += kernel_surplus(d->w.k, node, rnd(d, 40));
}

static void promise(struct day *d)
{
	uint64_t pages = rnd(d, 20);

	if (!d->promises)
		return;
	if (d->promised) {
		pages = rnd(d, d->promised + 1);
		for (uint64_t i = rnd(d, pages + 1); i; i--) {
			int node = (int)rnd(d, (uint64_t)d->nodes);

			if (!kernel_take_reserved(d->w.k, node))
				break;
			d->in_use[node]++;
			d->promised--;
			pages--;
		}
		kernel_unreserve(d->w.k, pages);
		d->promised -= pages;
	} else if (kernel_reserve(d->w.k, (int)rnd(d, (uint64_t)d->nodes), pages)) {
		d->promised = pages;
	}
}

static void other_owner(struct day *d)
{
	int node = (int)rnd(d, (uint64_t)d->nodes);
	uint64_t now = kernel_persistent(d->w.k, node), want = rnd(d, 100);

	kernel_set_persistent(d->w.k, node, now - d->others[node] + want);
	d->others[node] = want;
}

static struct {
	const char *name;
	struct gr_grant grants[2];
	size_t count;
	bool pending;
} wish;

static void act_reserve(struct world *w)
{
	reserve_grants(w, wish.name, wish.grants, wish.count, wish.pending);
}

static void act_release(struct world *w)
{
	release(w, wish.name, NULL);
}

static void act_recover(struct world *w)
{
	recover(w);
}

static void act_settle(struct world *w)
{
	struct gr_lease *lease = find(w, wish.name);

	if (lease && !gr_lease_cut_short(lease) && lease->state != GR_LEASE_OWED)
		gr_lease_settle(w->ledger, lease, NULL);
	gr_lease_free(lease);
}

static void act_more(struct world *w)
{
	static const struct gr_floor floor = { 0 };
	struct gr_lease *lease = find(w, wish.name);

	if (lease && lease->state != GR_LEASE_OWED)
		gr_reserve_more(w->ledger, lease, wish.grants[0].node < 0 ? 0 : wish.grants[0].node,
				MODEL_PAGE, wish.grants[0].pages, &floor, NULL);
	gr_lease_free(lease);
}

/* The lease gets an owner, or its owner dies. */
static void act_own(struct world *w)
{
	struct gr_lease *lease = find(w, wish.name);
	pid_t pid = 100 + wish.name[0];

	if (lease && (lease->state == GR_LEASE_PENDING || lease->state == GR_LEASE_HELD)) {
		set_alive(today, pid, true);
		gr_lease_set_owner(w->ledger, lease, pid, NULL);
	} else {
		set_alive(today, pid, false);
	}
	gr_lease_free(lease);
}

static void make_wish(struct day *d)
{
	wish.name = some_name(d);
	wish.count = 1 + rnd(d, 2);
	wish.pending = rnd(d, 2);
	for (size_t i = 0; i < wish.count; i++)
		wish.grants[i] = (struct gr_grant){
			.node = (int)rnd(d, (uint64_t)d->nodes + 1) - 1,
			.page_size_bytes = MODEL_PAGE,
			.pages = 1 + rnd(d, 120),
		};
}

static void guestram(struct day *d)
{
	static void (*const acts[])(struct world * w) = { act_reserve, act_reserve, act_release,
							  act_recover, act_settle,  act_more,
							  act_own };
	void (*act)(struct world * w) = acts[rnd(d, GR_ARRAY_SIZE(acts))];
	unsigned int at = 1 + (unsigned int)rnd(d, 12);

	make_wish(d);
	/* Pending leases need somebody who works on them. */
	set_alive(d, getpid(), rnd(d, 4) != 0);
	if (rnd(d, 3) != 0) {
		recover(&d->w);
		act(&d->w);
	} else if (killed_at(&d->w, at, act)) {
		uint64_t limit[MODEL_NODES] = { 600, 400, 500, 300 };

		d->kills++;
		memcpy(d->w.k->limit, limit, sizeof(limit));
		while (rnd(d, 3) == 0)
			killed_at(&d->w, 1 + (unsigned int)rnd(d, 10), act_recover);
		memcpy(d->w.k->limit, limit, sizeof(limit));
		/* Some give back without a recovery before it. */
		wish.name = some_name(d);
		if (rnd(d, 2))
			act_release(&d->w);
		assert_int_equal(recover(&d->w), 0);
	}
}

static void check(struct day *d)
{
	for (int i = 0; i < d->nodes; i++) {
		assert_int_equal(kernel_persistent(d->w.k, i), d->others[i] + owed(&d->w, i));
		assert_int_equal(kernel_used(d->w.k, i), d->in_use[i]);
		if (!d->promises)
			assert_in_range(d->w.k->surplus[i], 0, kernel_used(d->w.k, i));
	}
}

static void evening(struct day *d)
{
	struct gr_leases leases;

	kernel_unreserve(d->w.k, d->promised);
	for (int i = 0; i < d->nodes; i++)
		kernel_free(d->w.k, i, d->in_use[i]);
	memset(d->w.model->alive, 0, sizeof(d->w.model->alive));
	assert_int_equal(gr_ledger_list(d->w.ledger, &leases, NULL), 0);
	for (size_t i = 0; i < leases.count; i++) {
		d->debts += leases.leases[i]->state == GR_LEASE_OWED;
		assert_int_equal(release(&d->w, leases.leases[i]->name, NULL), 0);
	}
	gr_leases_done(&leases);
	assert_int_equal(recover(&d->w), 0);
	assert_int_equal(lease_count(&d->w), 0);
	for (int i = 0; i < d->nodes; i++) {
		assert_int_equal(kernel_persistent(d->w.k, i), d->others[i]);
		if (!d->promises)
			assert_pool(&d->w, i, d->others[i], d->others[i], 0);
	}
}

static void run_day(struct day *d, uint64_t seed)
{
	static void (*const events[])(struct day * d) = { take,	     take,    let_go,	   let_go,
							  hand_over, promise, other_owner, guestram,
							  guestram,  guestram };
	static const uint64_t limit[MODEL_NODES] = { 600, 400, 500, 300 };

	d->seed = seed;
	d->nodes = 1 + (int)(seed % 3);
	today = d;
	memset(d->others, 0, sizeof(d->others));
	memset(d->in_use, 0, sizeof(d->in_use));
	d->promised = 0;
	d->promises = seed % 2;
	world_start(&d->w, d->nodes);
	memcpy(d->w.k->limit, limit, sizeof(limit));
	d->w.k->old_min_count = seed / 3 % 3 != 0;
	d->w.k->old_node_arithmetic = seed / 3 % 3 == 1;
	d->w.k->overcommit = seed % 5 ? 0 : 100;
	for (int i = 0; i < EVENTS; i++) {
		events[rnd(d, GR_ARRAY_SIZE(events))](d);
		check(d);
	}
	evening(d);
	d->cycles += d->w.model->cycles;
	world_end(&d->w);
}

static void random_days(void **state)
{
	struct day d = { 0 };
	const char *only = getenv("GUESTRAM_SEED");

	uint64_t seeds =
		getenv("GUESTRAM_SEEDS") ? strtoull(getenv("GUESTRAM_SEEDS"), NULL, 10) : SEEDS;

	for (uint64_t seed = 1; seed <= seeds; seed++) {
		if (only && strtoull(only, NULL, 10) != seed)
			continue;
		print_message("seed %d\n", (int)seed);
		run_day(&d, seed);
	}
	print_message("%u kills, %u debts left in the evening, %u cycles\n", d.kills, d.debts,
		      d.cycles);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(random_days) };

	return cmocka_run_group_tests_name("lease, random", tests, NULL, NULL);
}
