// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Is the model of the kernel right? Random sequences of events (writes to each pool file, pages
 * taken and freed, promises kept and broken, overcommit) go to the model and to the running kernel,
 * and after each event every count of every node has to be the same. Of the first sequence that
 * differs, events are left out as long as it still does, and what remains is printed.
 *
 * A sequence begins with empty pools and with the kernel's rounds at node 0, so that it can be
 * repeated. The pools have to be empty and nobody else may use them meanwhile. Which of the two old
 * mistakes a kernel makes is tried out first: stable kernels get the corrections at any time.
 */
#include "model_real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EVENTS_MAX 200

enum kind {
	NODE_WRITE,
	GLOBAL_WRITE,
	BOUND_WRITE,
	TAKE,
	LET_GO,
	PROMISE,
	TOUCH,
	UNPROMISE,
	OVERCOMMIT,
	KIND_COUNT
};

static const char *const kind_names[] = { "write node", "write all", "write bound",
					  "take",	"let go",    "promise",
					  "touch",	"unpromise", "overcommit" };
_Static_assert(sizeof(kind_names) / sizeof(*kind_names) == KIND_COUNT, "a name each");

/* How often each happens, of 32. */
static const unsigned char odds[KIND_COUNT] = { 6, 3, 4, 6, 5, 3, 2, 2, 1 };

struct event {
	enum kind kind;
	int node, slot;
	bool shared;
	uint64_t pages;
};

struct check {
	struct real real;
	struct model_kernel model, now;
	bool old_node_arithmetic, old_min_count, gathers_first_node, lie, lazy;
	uint64_t seed, comparisons;
};

static uint64_t rnd(struct check *c, uint64_t below)
{
	c->seed = c->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (c->seed >> 33) % below;
}

static void make_events(struct check *c, struct event *events, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct event *e = &events[i];
		uint64_t at = rnd(c, 32);

		*e = (struct event){ .node = (int)rnd(c, (uint64_t)c->real.nodes),
				     .slot = (int)rnd(c, REAL_PROMISES),
				     .shared = rnd(c, 2) };
		while (at >= odds[e->kind])
			at -= odds[e->kind++];
		if (e->kind <= BOUND_WRITE)
			e->pages = rnd(c, 4) ? rnd(c, e->kind == NODE_WRITE ? 30 : 60) : 0;
		else
			e->pages = e->kind == OVERCOMMIT ? rnd(c, 3) * 10 : 1 + rnd(c, 12);
	}
}

/* What both did, or -1 where they did not do the same. Only what is possible is asked for. */
static long apply(struct check *c, const struct event *e)
{
	struct model_kernel *k = &c->model;
	struct real *real = &c->real;
	struct real_promise *p = &real->promises[e->slot];
	uint64_t pages = e->pages, model = 0, got = 0;

	switch (e->kind) {
	case NODE_WRITE:
	case GLOBAL_WRITE:
	case BOUND_WRITE:
		if (e->kind == NODE_WRITE && kernel_wraps(k, e->node, pages))
			return 0; /* it would take all memory */
		kernel_write(k, e->kind == NODE_WRITE ? e->node : -1,
			     e->kind == BOUND_WRITE ? e->node : -1, pages + c->lie);
		real_write(e->kind == NODE_WRITE ? e->node : -1,
			   e->kind == BOUND_WRITE ? e->node : -1, pages);
		return (long)pages;
	case TAKE:
		if (pages > REAL_HELD_MAX - real->held_count[e->node])
			pages = REAL_HELD_MAX - real->held_count[e->node];
		model = kernel_take(k, e->node, pages);
		got = real_take(real, e->node, pages);
		break;
	case LET_GO:
		got = model = real_let_go(real, e->node, pages);
		kernel_free(k, e->node, model);
		break;
	case PROMISE:
		if (p->map)
			return 0;
		model = kernel_reserve(k, e->node, pages);
		got = real_promise(real, e->slot, e->node, e->shared, pages);
		break;
	case TOUCH:
		while (p->map && model < pages && p->touched + model < p->pages &&
		       kernel_take_reserved(k, p->node))
			model++;
		got = p->map ? real_touch(real, e->slot, pages) : 0;
		break;
	case UNPROMISE:
		if (!p->map)
			return 0;
		kernel_free(k, p->node, p->touched);
		kernel_unreserve(k, p->pages - p->touched);
		real_unpromise(real, e->slot);
		break;
	default:
		k->overcommit = pages;
		real_overcommit(pages);
	}
	return model == got ? (long)got : -1;
}

static bool same(struct check *c)
{
	real_read(&c->real, &c->now);
	c->comparisons++;
	for (int i = 0; i < c->real.nodes; i++) {
		if (c->now.total[i] != c->model.total[i] || c->now.free[i] != c->model.free[i] ||
		    c->now.surplus[i] != c->model.surplus[i])
			return false;
	}
	return c->now.reserved == c->model.reserved && c->now.overcommit == c->model.overcommit;
}

static void start(struct check *c)
{
	if (!real_reset(&c->real)) {
		fputs("model_check: the pools do not become empty: somebody else has pages\n",
		      stderr);
		exit(3);
	}
	c->model = (struct model_kernel){ .nodes = c->real.nodes,
					  .old_node_arithmetic = c->old_node_arithmetic,
					  .old_min_count = c->old_min_count,
					  .gathers_first_node = c->gathers_first_node };
	for (int i = 0; i < MODEL_NODES; i++)
		c->model.limit[i] = UINT64_C(1) << 40;
	/* Bound to one node, the kernel's rounds come to stand there. */
	real_write(0, -1, 1);
	real_write(0, -1, 0);
}

static void print_counts(const char *who, const struct model_kernel *k)
{
	printf("  %s", who);
	for (int i = 0; i < k->nodes; i++)
		printf(" %d/%d/%d", (int)k->total[i], (int)k->free[i], (int)k->surplus[i]);
	printf(" resv %d", (int)k->reserved);
}

/* Return: how many events went well. */
static size_t run(struct check *c, const struct event *events, size_t count, bool print)
{
	start(c);
	for (size_t i = 0; i < count; i++) {
		long had = apply(c, &events[i]);
		bool good = same(c) && had >= 0;

		if (print) {
			printf("%12s node %d slot %d%s %3d (had %ld)", kind_names[events[i].kind],
			       events[i].node, events[i].slot, events[i].shared ? "s" : "p",
			       (int)events[i].pages, had);
			c->now.nodes = c->real.nodes;
			print_counts(" kernel", &c->now);
			if (!good)
				print_counts(" MODEL", &c->model);
			puts("");
		}
		if (!good)
			return i;
	}
	return count;
}

/* Leaves out one event after the other, as long as there is a difference somewhere. */
static void shrink(struct check *c, struct event *events, size_t count)
{
	struct event shorter[EVENTS_MAX];
	bool again = true;

	while (again) {
		again = false;
		for (size_t i = count; i-- > 0;) {
			size_t bad;

			memcpy(shorter, events, i * sizeof(*events));
			memcpy(shorter + i, events + i + 1, (count - i - 1) * sizeof(*events));
			bad = run(c, shorter, count - 1, false);
			if (bad == count - 1)
				continue;
			memcpy(events, shorter, sizeof(shorter));
			count = bad + 1;
			again = true;
			i = i < count ? i : count;
		}
	}
	run(c, events, count, true);
}

/* With surplus on one node: what does a write to the other's file, and what does a lowering? Where
 * does overcommit come from for a promise made on node 1? */
static void probe(struct check *c)
{
	if (c->real.nodes < 2)
		return; /* neither makes a difference */
	start(c);
	real_write(1, -1, 5);
	real_take(&c->real, 1, 5);
	real_write(-1, 1, 0);
	real_write(0, -1, 10);
	real_read(&c->real, &c->now);
	c->old_node_arithmetic = c->now.total[0] != 10;
	real_write(-1, 0, 0);
	real_read(&c->real, &c->now);
	c->old_min_count = c->now.total[0] != 0;
	start(c);
	real_overcommit(1);
	real_promise(&c->real, 0, 1, false, 1);
	real_read(&c->real, &c->now);
	c->gathers_first_node = c->now.total[0] != 0;
}

static int check(struct check *c, uint64_t sequences, size_t count, double seconds)
{
	time_t end = time(NULL) + (time_t)seconds;
	struct event events[EVENTS_MAX];
	uint64_t i;

	for (i = 0; i < sequences && (seconds <= 0 || time(NULL) < end); i++) {
		uint64_t seed = c->seed;
		size_t good;

		make_events(c, events, count);
		good = run(c, events, count, false);
		if (good == count)
			continue;
		printf("difference: --seed %llu --sequences 1 --events %zu, after %zu events\n",
		       (unsigned long long)seed, count, good + 1);
		if (!c->lazy) {
			puts("what is left of them; counts are total/free/surplus of each node:");
			shrink(c, events, good + 1);
		}
		return 1;
	}
	printf("%llu sequences of %zu events, %llu comparisons, no difference\n",
	       (unsigned long long)i, count, (unsigned long long)c->comparisons);
	return 0;
}

static uint64_t option(int argc, char **argv, const char *name, uint64_t otherwise)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], name))
			return i + 1 < argc ? strtoull(argv[i + 1], NULL, 10) : 1;
	}
	return otherwise;
}

/* --seed N, --sequences N, --events N, --seconds N (an end before that); so that it can be seen to
 * fail: --flip-node-arithmetic 1, --flip-min-count 1 (the other kernel), --lie 1 (writes differ);
 * --lazy 1 leaves nothing out of what differs. */
int main(int argc, char **argv)
{
	static struct check c;
	uint64_t overcommit;
	int r;

	setvbuf(stdout, NULL, _IOLBF, 0);
	c.seed = option(argc, argv, "--seed", 1);
	if (real_open(&c.real) < 0)
		return 2;
	real_read(&c.real, &c.now);
	c.now.nodes = c.real.nodes;
	if (kernel_sum(&c.now, c.now.total) || c.now.reserved) {
		fputs("model_check: the pools are not empty: not here\n", stderr);
		return 3;
	}
	overcommit = c.now.overcommit;
	probe(&c);
	printf("%d nodes, old node arithmetic %d, old min_count %d, gathers on the first node %d, "
	       "seed %llu\n",
	       c.real.nodes, c.old_node_arithmetic, c.old_min_count, c.gathers_first_node,
	       (unsigned long long)c.seed);
	c.old_node_arithmetic ^= option(argc, argv, "--flip-node-arithmetic", 0);
	c.old_min_count ^= option(argc, argv, "--flip-min-count", 0);
	c.lie = option(argc, argv, "--lie", 0);
	c.lazy = option(argc, argv, "--lazy", 0);
	r = check(&c, option(argc, argv, "--sequences", 300), option(argc, argv, "--events", 40),
		  (double)option(argc, argv, "--seconds", 0));
	if (!real_reset(&c.real))
		r = r ? r : 3;
	real_overcommit(overcommit);
	return r;
}
