// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The ledger against the kernel, as pure code: books and findings of hosts that people had, with
 * their right values; and each finding once with it, once without.
 */
#include "temp_root.h"

#include "base/size.h"
#include "base/util.h"
#include "lease/ledger.h"
#include "lease/reconcile.h"

#define BOOT "11111111-2222-3333-4444-555555555555"
#define SMALL (2 * GR_MIB)
#define LARGE GR_GIB

/* A host of up to two nodes; what is of node -1 is the sum. */
struct scene {
	struct gr_host host;
	struct gr_pool pools[6];
	uint64_t sizes[2];
	struct gr_leases leases;
	struct gr_lease *list[8];
	struct gr_behind behind[8];
	struct gr_boot_pools boot;
	struct gr_boot_pool boot_pools[4];
	struct gr_holders holders;
	struct gr_held held[8];
	struct gr_held_share shares[8];
	struct gr_holder processes[8];
	pid_t pids[8];
	const uint64_t *lost_pages;
	struct gr_diagnoses found;
};

static int begin(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	s->sizes[0] = SMALL;
	s->sizes[1] = LARGE;
	s->host.page_sizes = s->sizes;
	s->host.page_size_count = 2;
	s->host.default_page_size_bytes = SMALL;
	s->host.pools = s->pools;
	for (int size = 0; size < 2; size++) {
		for (int node = -1; node < 2; node++)
			s->pools[s->host.pool_count++] =
				(struct gr_pool){ .page_size_bytes = s->sizes[size],
						  .node = node,
						  .reserved_known = node < 0,
						  .overcommit_known = node < 0 };
	}
	s->leases.leases = s->list;
	s->boot.pools = s->boot_pools;
	s->holders =
		(struct gr_holders){ .held = s->held, .processes = s->processes, .complete = true };
	*state = s;
	return 0;
}

static int end(void **state)
{
	struct scene *s = *state;

	for (size_t i = 0; i < s->leases.count; i++)
		gr_lease_free(s->list[i]);
	gr_diagnoses_done(&s->found);
	free(s);
	return 0;
}

static struct gr_pool *pool(struct scene *s, uint64_t size, int node)
{
	return (struct gr_pool *)gr_host_pool(&s->host, size, node);
}

static void set_pool(struct scene *s, uint64_t size, int node, uint64_t total, uint64_t free_pages,
		     uint64_t surplus)
{
	struct gr_pool *one = pool(s, size, node), *all = pool(s, size, -1);

	one->total = total;
	one->free = free_pages;
	one->surplus = surplus;
	all->total = all->free = all->surplus = 0;
	for (int i = 0; i < 2; i++) {
		all->total += pool(s, size, i)->total;
		all->free += pool(s, size, i)->free;
		all->surplus += pool(s, size, i)->surplus;
	}
}

static struct gr_lease *add_lease(struct scene *s, const char *name, enum gr_lease_state state,
				  int node, uint64_t size, uint64_t pages)
{
	struct gr_lease *lease = calloc(1, sizeof(*lease));
	struct gr_lease_grant *grant = gr_lease_grant_at(lease, node, size);

	snprintf(lease->name, sizeof(lease->name), "%s", name);
	strcpy(lease->boot_id, BOOT);
	lease->state = state;
	grant->pages = grant->asked_pages = pages;
	s->behind[s->leases.count] = (struct gr_behind){ true, true };
	s->list[s->leases.count++] = lease;
	return lease;
}

static void add_boot(struct scene *s, uint64_t size, int node, uint64_t pages)
{
	s->boot_pools[s->boot.count++] = (struct gr_boot_pool){ size, node, pages, "boot line" };
}

/* @pid 0: a file that nobody has open */
static void add_held(struct scene *s, pid_t pid, const char *comm, const char *path, uint64_t size,
		     int node, uint64_t pages)
{
	size_t i = s->holders.count++;

	s->pids[i] = pid;
	s->shares[i] = (struct gr_held_share){ node, pages };
	s->held[i] = (struct gr_held){ .path = (char *)path,
				       .page_size_bytes = size,
				       .bytes = pages * size,
				       .shares = &s->shares[i],
				       .share_count = node >= 0,
				       .pids = &s->pids[i],
				       .pid_count = pid != 0 };
	if (!pid)
		return;
	s->processes[s->holders.process_count].pid = pid;
	snprintf(s->processes[s->holders.process_count++].comm, 16, "%s", comm);
}

static void look(struct scene *s)
{
	const struct gr_audit audit = { .host = &s->host,
					.leases = &s->leases,
					.behind = s->behind,
					.boot = &s->boot,
					.holders = &s->holders,
					.boot_id = BOOT,
					.now_ns = 1000,
					.lost_pages = s->lost_pages };

	gr_diagnoses_done(&s->found);
	assert_int_equal(gr_reconcile(&audit, &s->found), 0);
}

/* "GR501 GR505", in the order in which they were found. */
static void assert_codes(struct scene *s, const char *codes)
{
	char text[256] = "";
	size_t len = 0;

	look(s);
	for (size_t i = 0; i < s->found.count; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i ? " " : "",
					s->found.items[i].code);
	assert_string_equal(text, codes);
}

static const struct gr_diagnosis *finding(struct scene *s, const char *code)
{
	for (size_t i = 0; i < s->found.count; i++) {
		if (!strcmp(s->found.items[i].code, code))
			return &s->found.items[i];
	}
	fail_msg("no %s", code);
	return NULL;
}

#define assert_says(text, part)                                                                    \
	do {                                                                                       \
		if (!(text) || !strstr(text, part))                                                \
			fail_msg("'%s' does not say '%s'", text ? text : "", part);                \
	} while (0)

static struct gr_books books_of(struct scene *s)
{
	struct gr_books books;

	assert_int_equal(gr_books_make(&s->host, &s->leases, BOOT, &s->boot, &books), 0);
	return books;
}

/* --- books --- */

/* VM A runs on 2,048 pages, B has 4,096 beside it: everything is somebody's. */
static void books_of_two_leases(void **state)
{
	struct scene *s = *state;
	_cleanup_books_ struct gr_books books = { 0 };
	struct gr_book *book;

	set_pool(s, SMALL, 0, 6144, 0, 0);
	add_lease(s, "a", GR_LEASE_OWNED, 0, SMALL, 2048)->owner_pid = 10;
	add_lease(s, "b", GR_LEASE_OWNED, 0, SMALL, 4096)->owner_pid = 11;
	add_held(s, 10, "qemu", NULL, SMALL, 0, 2048);
	add_held(s, 11, "qemu", NULL, SMALL, 0, 4096);
	books = books_of(s);
	book = gr_book_at(&books, SMALL, 0);
	assert_int_equal(book->leased, 6144);
	assert_int_equal(book->other + book->boot + book->lease_missing, 0);
	assert_codes(s, "");
}

static void books_of_boot_and_declared(void **state)
{
	struct scene *s = *state;
	_cleanup_books_ struct gr_books books = { 0 };

	set_pool(s, SMALL, 0, 600, 600, 0);
	set_pool(s, SMALL, 1, 500, 500, 0);
	set_pool(s, LARGE, 1, 4, 4, 0);
	add_boot(s, SMALL, -1, 1000); /* 500 each, as the kernel does it */
	add_boot(s, LARGE, 1, 4);
	add_lease(s, "vm", GR_LEASE_HELD, 0, SMALL, 64);
	add_lease(s, "ovs", GR_LEASE_EXTERNAL, 1, SMALL, 100);
	books = books_of(s);
	assert_int_equal(gr_book_at(&books, SMALL, 0)->leased, 64);
	assert_int_equal(gr_book_at(&books, SMALL, 0)->boot, 536); /* what is left of it */
	assert_int_equal(gr_book_at(&books, SMALL, 0)->other, 0);
	assert_int_equal(gr_book_at(&books, SMALL, 1)->external, 100);
	assert_int_equal(gr_book_at(&books, SMALL, 1)->boot, 400);
	assert_int_equal(gr_book_at(&books, LARGE, 1)->boot, 4);
	assert_codes(s, "");
}

/* The kernel shares a boot's pages out evenly: what a node has beyond that came later. */
static void books_of_an_even_boot(void **state)
{
	struct scene *s = *state;
	_cleanup_books_ struct gr_books books = { 0 };

	set_pool(s, SMALL, 0, 700, 700, 0);
	set_pool(s, SMALL, 1, 500, 500, 0);
	add_boot(s, SMALL, -1, 1000);
	books = books_of(s);
	assert_int_equal(gr_book_at(&books, SMALL, 0)->other, 200);
	assert_int_equal(gr_book_at(&books, SMALL, 1)->other, 0);
	gr_books_done(&books);
	/* Unless one of them could not hold its part. */
	set_pool(s, SMALL, 1, 300, 300, 0);
	books = books_of(s);
	assert_int_equal(gr_book_at(&books, SMALL, 0)->boot, 700);
	assert_int_equal(gr_book_at(&books, SMALL, 0)->other, 0);
}

/* 14 pages of 1 GiB asked for at boot, 13 there: the boot got those, and nothing is missing. */
static void c33_books_of_a_boot_that_was_short(void **state)
{
	struct scene *s = *state;
	_cleanup_books_ struct gr_books books = { 0 };

	set_pool(s, LARGE, 0, 13, 13, 0);
	add_boot(s, LARGE, -1, 14);
	books = books_of(s);
	assert_int_equal(gr_book_at(&books, LARGE, 0)->boot, 13);
	assert_int_equal(gr_book_at(&books, LARGE, 0)->other, 0);
	assert_codes(s, "");
}

/* Declared on any node: where there is something left; what is not there is missing. */
static void books_of_any_node(void **state)
{
	struct scene *s = *state;
	_cleanup_books_ struct gr_books books = { 0 };

	set_pool(s, SMALL, 0, 30, 30, 0);
	set_pool(s, SMALL, 1, 50, 50, 0);
	add_lease(s, "spdk", GR_LEASE_EXTERNAL, -1, SMALL, 100);
	books = books_of(s);
	assert_int_equal(gr_book_at(&books, SMALL, 0)->external, 30);
	assert_int_equal(gr_book_at(&books, SMALL, 1)->external, 50);
	assert_codes(s, "GR504");
	assert_says(finding(s, "GR504")->cause, "20 pages of 2 MiB missing");
}

/* A page of the boot's is cut up for a lease: it is owed, so it is no longer the boot's, and pages
 * that came since are not taken for it. The lease's are all there. */
static void books_of_demoted(void **state)
{
	struct scene *s = *state;
	_cleanup_books_ struct gr_books books = { 0 };
	struct gr_lease *lease = add_lease(s, "vm", GR_LEASE_HELD, 0, SMALL, 512);
	struct gr_book *book;

	gr_lease_grant_at(lease, 0, LARGE)->demoted_pages = 1;
	set_pool(s, SMALL, 0, 512, 512, 0);
	set_pool(s, LARGE, 1, 1, 1, 0);
	add_boot(s, LARGE, -1, 2);
	books = books_of(s);
	book = gr_book_at(&books, SMALL, 0);
	assert_int_equal(book->leased, 512);
	assert_int_equal(book->demoted + book->boot + book->other + book->lease_missing, 0);
	book = gr_book_at(&books, LARGE, 0);
	assert_int_equal(book->demoted, 1);
	assert_int_equal(book->boot + book->other + book->leased + book->lease_missing, 0);
	book = gr_book_at(&books, LARGE, 1);
	assert_int_equal(book->boot, 1);
	assert_int_equal(book->demoted + book->other, 0);
	assert_codes(s, "GR519");
	assert_says(finding(s, "GR519")->evidence, "1 page of 1 GiB on node 0");
	gr_books_done(&books);
	/* Somebody adds one, there or on the other node. */
	for (int node = 0; node < 2; node++) {
		set_pool(s, LARGE, node, node ? 2 : 1, node ? 2 : 1, 0);
		set_pool(s, LARGE, !node, node ? 0 : 1, node ? 0 : 1, 0);
		books = books_of(s);
		book = gr_book_at(&books, LARGE, node);
		assert_int_equal(book->boot, node ? 1 : 0);
		assert_int_equal(book->other, 1);
		assert_codes(s, "GR519 GR501");
		assert_says(finding(s, "GR501")->cause, "1 page of 1 GiB");
		gr_books_done(&books);
	}
	/* A boot that named the node. */
	s->boot.count = 0;
	add_boot(s, LARGE, 0, 1);
	set_pool(s, LARGE, 0, 1, 1, 0);
	set_pool(s, LARGE, 1, 0, 0, 0);
	books = books_of(s);
	assert_int_equal(gr_book_at(&books, LARGE, 0)->boot, 0);
	assert_int_equal(gr_book_at(&books, LARGE, 0)->other, 1);
}

/* Others look while a guestram is at work: any part of what it asked for may be there. */
static void books_in_flux(void **state)
{
	struct scene *s = *state;
	struct gr_lease *lease = add_lease(s, "vm", GR_LEASE_RESERVING, 0, SMALL, 0);

	lease->grants[0].asked_pages = 100;
	for (uint64_t got = 0; got <= 100; got += 50) {
		set_pool(s, SMALL, 0, got, got, 0);
		assert_codes(s, "");
	}
	set_pool(s, SMALL, 0, 110, 110, 0);
	assert_codes(s, "GR501");
	assert_says(finding(s, "GR501")->cause, "10 pages of 2 MiB on node 0 are free");
	lease->state = GR_LEASE_RELEASING;
	lease->grants[0].pages = 100;
	set_pool(s, SMALL, 0, 30, 30, 0);
	assert_codes(s, "");
}

/* --- pools --- */

static void undeclared_pages(void **state)
{
	struct scene *s = *state;
	const struct gr_diagnosis *d;

	set_pool(s, SMALL, 1, 512, 512, 0);
	add_lease(s, "vm", GR_LEASE_HELD, 1, SMALL, 12);
	assert_codes(s, "GR501");
	d = finding(s, "GR501");
	assert_int_equal(d->severity, GR_WARNING);
	assert_says(d->cause, "500 pages of 2 MiB on node 1 are free");
	assert_says(d->evidence, "persistent 512: leases 12,");
	assert_says(d->remedy, "guestram reserve --external NAME -m 1000M -p 2M --node 1");
	assert_says(d->remedy, "echo 12 >/sys/devices/system/node/node1/hugepages/"
			       "hugepages-2048kB/nr_hugepages");
	/* A program has some of them, and was promised others. */
	set_pool(s, SMALL, 1, 512, 392, 0);
	add_held(s, 1723, "vhost", NULL, SMALL, 1, 120);
	pool(s, SMALL, -1)->reserved = 80;
	assert_codes(s, "GR501 GR502");
	assert_says(finding(s, "GR501")->cause, "300 pages");
	assert_says(finding(s, "GR502")->cause, "200 pages of 2 MiB on node 1 are in use");
	assert_says(finding(s, "GR502")->evidence, "pid 1723 (vhost) 120");
	assert_int_equal(finding(s, "GR502")->severity, GR_INFO);
	/* Declared, and all is said. */
	pool(s, SMALL, -1)->reserved = 0;
	add_lease(s, "spdk", GR_LEASE_EXTERNAL, 1, SMALL, 500);
	assert_codes(s, "");
}

static void lowered_pool(void **state)
{
	struct scene *s = *state;
	const struct gr_diagnosis *d;

	set_pool(s, SMALL, 0, 300, 300, 0);
	add_lease(s, "win", GR_LEASE_HELD, 0, SMALL, 512);
	add_lease(s, "ovs", GR_LEASE_EXTERNAL, 0, SMALL, 10);
	assert_codes(s, "GR503 GR504");
	d = finding(s, "GR503");
	assert_int_equal(d->severity, GR_ERROR);
	assert_says(d->cause, "212 pages of 2 MiB on node 0 are missing from what the leases have");
	assert_says(d->evidence, "win (512)");
	assert_says(d->remedy, "echo 512 >/sys/devices/system/node/node0/");
	assert_says(finding(s, "GR504")->evidence, "ovs (10)");
	/* The node is gone, or has no such pages any more. */
	s->leases.leases[0]->grants[0].node = 7;
	s->leases.leases[1]->grants[0].node = 0;
	set_pool(s, SMALL, 0, 10, 10, 0);
	assert_codes(s, "GR503");
	assert_says(finding(s, "GR503")->cause, "on node 7");
}

/* Another tool sets the pool to 0 once its VM runs: that is no leak. */
static void surplus_is_no_leak(void **state)
{
	struct scene *s = *state;
	const struct gr_diagnosis *d;

	set_pool(s, SMALL, 0, 512, 0, 512);
	add_held(s, 44, "kvm", NULL, SMALL, 0, 512);
	assert_codes(s, "GR505");
	d = finding(s, "GR505");
	assert_int_equal(d->severity, GR_INFO);
	assert_says(d->cause, "nothing has leaked");
	assert_says(d->evidence, "pid 44 (kvm) 512");
	/* A declared owner's pages are there, surplus or not. */
	add_lease(s, "ovs", GR_LEASE_EXTERNAL, 0, SMALL, 512);
	assert_codes(s, "GR505");
	gr_lease_free(s->list[--s->leases.count]);
	/* Beside pages of a pool it costs their owner something. */
	set_pool(s, SMALL, 0, 576, 64, 512);
	add_boot(s, SMALL, 0, 64);
	assert_codes(s, "GR505");
	assert_int_equal(finding(s, "GR505")->severity, GR_WARNING);
	assert_says(finding(s, "GR505")->cause, "goes to the host first, whoever frees it");
}

/* nr 0, overcommit 8192: allowed is not in use. */
static void c54_overcommit(void **state)
{
	struct scene *s = *state;

	pool(s, SMALL, -1)->overcommit = 8192;
	assert_codes(s, "");
	set_pool(s, SMALL, 0, 3000, 0, 3000);
	add_held(s, 44, "qemu", NULL, SMALL, 0, 3000);
	assert_codes(s, "GR505 GR507");
	assert_int_equal(finding(s, "GR507")->severity, GR_INFO);
	assert_says(finding(s, "GR507")->evidence, "nr_overcommit_hugepages 8192, surplus 3,000");
	pool(s, SMALL, -1)->overcommit = 2000;
	assert_codes(s, "GR505 GR507");
	assert_int_equal(finding(s, "GR507")->severity, GR_WARNING);
}

static void free_surplus(void **state)
{
	struct scene *s = *state;

	set_pool(s, SMALL, 0, 50, 20, 40);
	add_held(s, 44, "qemu", NULL, SMALL, 0, 30);
	add_boot(s, SMALL, 0, 10);
	assert_codes(s, "GR506 GR505");
	assert_says(finding(s, "GR506")->cause, "10 pages of 2 MiB on node 0 are surplus and free");
	assert_says(finding(s, "GR506")->remedy, "echo 50 >/sys");
	assert_says(finding(s, "GR505")->cause, "30 pages");
}

/* HugePages_Rsvd: 18446744073709551608, total and free 4096. */
static void c85_underflow(void **state)
{
	struct scene *s = *state;
	const struct gr_diagnosis *d;

	set_pool(s, SMALL, 0, 4096, 4096, 0);
	add_boot(s, SMALL, -1, 4096);
	pool(s, SMALL, -1)->reserved_bogus = true;
	pool(s, SMALL, -1)->reserved_raw = UINT64_C(18446744073709551608);
	assert_codes(s, "GR508");
	d = finding(s, "GR508");
	assert_int_equal(d->severity, GR_ERROR);
	assert_says(d->cause, "kernel accounting bug");
	assert_says(d->evidence, "18446744073709551608, which is -8");
	assert_says(d->evidence, "available 4096");
	/* More surplus than pages: a write to that node may take all memory. */
	pool(s, SMALL, -1)->reserved_bogus = false;
	set_pool(s, SMALL, 1, 10, 0, 30);
	add_held(s, 44, "qemu", NULL, SMALL, 1, 10);
	assert_codes(s, "GR508");
	assert_says(finding(s, "GR508")->cause, "may take all memory");
	assert_says(finding(s, "GR508")->evidence, "total 10, free 0, surplus 30");
}

static void promised_too_much(void **state)
{
	struct scene *s = *state;

	set_pool(s, SMALL, 0, 100, 100, 0);
	add_boot(s, SMALL, -1, 100);
	pool(s, SMALL, -1)->reserved = 100;
	assert_codes(s, "");
	pool(s, SMALL, -1)->reserved = 164;
	assert_codes(s, "GR509");
	assert_says(finding(s, "GR509")->remedy, "-m 128M");
}

/* --- holders --- */

static void lost_pages(void **state)
{
	struct scene *s = *state;
	struct gr_segment segments[2] = { { 7, 3 * SMALL }, { 8, GR_MIB } };
	uint64_t lost[2] = { 0 };
	const struct gr_diagnosis *d;

	set_pool(s, SMALL, 0, 100, 60, 0);
	set_pool(s, SMALL, 1, 50, 45, 0);
	add_boot(s, SMALL, -1, 200);
	add_held(s, 10, "qemu", NULL, SMALL, 0, 28);
	add_held(s, 11, "qemu", NULL, SMALL, 1, 5);
	assert_codes(s, "GR510");
	d = finding(s, "GR510");
	assert_int_equal(d->severity, GR_ERROR);
	assert_says(d->cause, "12 pages of 2 MiB in use");
	assert_says(d->cause, "kernel suspect");
	assert_says(d->evidence, "node 0: in use 40, held 28");
	assert_null(strstr(d->evidence, "node 1"));
	assert_says(d->remedy, "only what is free can be released");
	/* A closer look found fewer, or none. */
	s->lost_pages = lost;
	assert_codes(s, "");
	lost[0] = 7;
	assert_codes(s, "GR510");
	assert_says(finding(s, "GR510")->cause, "7 pages");
	s->lost_pages = NULL;
	/* What is somewhere unknown, or of an unknown size, may be it. */
	add_held(s, 12, "dpdk", NULL, SMALL, -1, 10);
	assert_codes(s, "GR510");
	assert_says(finding(s, "GR510")->cause, "2 pages");
	add_held(s, 13, "closed", NULL, 0, -1, 0);
	s->held[3].bytes = 2 * SMALL;
	assert_codes(s, "");
	/* So may shared memory that nobody has attached. */
	s->held[2].bytes = s->held[3].bytes = 0;
	s->holders.segments = segments;
	s->holders.segment_count = 2;
	assert_codes(s, "GR520 GR510");
	assert_says(finding(s, "GR520")->cause, "3 pages");
	assert_says(finding(s, "GR520")->evidence, "segment 7: 6 MiB");
	assert_says(finding(s, "GR510")->cause, "9 pages");
	/* Who does not see everybody accuses nobody. */
	s->holders.complete = false;
	s->holders.unread = 4;
	assert_codes(s, "GR518");
	assert_int_equal(finding(s, "GR518")->severity, GR_INFO);
	assert_says(finding(s, "GR518")->evidence, "cannot be read: 4");
}

/* QEMU was killed, the vhost target keeps its file: 2,048 pages, and none is free. */
static void c50_file_outlives_its_vm(void **state)
{
	struct scene *s = *state;
	const struct gr_diagnosis *d;

	set_pool(s, SMALL, 0, 2048, 0, 0);
	add_boot(s, SMALL, -1, 2048);
	add_held(s, 1723, "vhost", "/dev/hugepages/qemu_back_mem.X", SMALL, 0, 2048);
	s->held[0].deleted = true;
	assert_codes(s, "GR512");
	d = finding(s, "GR512");
	assert_says(d->cause, "2,048 pages of 2 MiB held by pid 1723 (vhost), file deleted");
	assert_says(d->evidence, "/dev/hugepages/qemu_back_mem.X");
	assert_says(d->remedy, "kill 1723");
	/* The size is not known (a capture), but only one is in use. */
	s->held[0].page_size_bytes = 0;
	assert_codes(s, "GR512");
	assert_says(finding(s, "GR512")->cause, "2,048 pages of 2 MiB held by pid 1723");
	/* While its VMM lives, or a lease knows the process, it is as it should be. */
	s->held[0].page_size_bytes = SMALL;
	s->processes[0].vmm = "qemu";
	assert_codes(s, "");
	s->processes[0].vmm = NULL;
	add_lease(s, "vm", GR_LEASE_OWNED, 0, SMALL, 2048)->owner_pid = 1723;
	assert_codes(s, "");
	s->leases.leases[0]->owner_pid = 1;
	s->held[0].path = (char *)"/dev/hugepages/rtemap_0";
	assert_codes(s, "");
}

static void file_without_a_process(void **state)
{
	struct scene *s = *state;

	set_pool(s, LARGE, 0, 4, 2, 0);
	add_boot(s, LARGE, -1, 4);
	add_held(s, 0, NULL, "/dev/hugepages1G/rtemap_0", LARGE, 0, 2);
	assert_codes(s, "GR511");
	assert_says(finding(s, "GR511")->cause, "2 pages of 1 GiB");
	assert_says(finding(s, "GR511")->remedy, "rm /dev/hugepages1G/rtemap_0");
}

/* --- leases --- */

static void stale_leases(void **state)
{
	static const struct {
		enum gr_lease_state state;
		bool owner, keeper;
		uint64_t expires_ns;
		const char *why; /* NULL: as it should be */
	} cases[] = {
		{ GR_LEASE_HELD, false, false, 0, NULL },
		{ GR_LEASE_RESERVING, false, true, 0, NULL },
		{ GR_LEASE_RESERVING, false, false, 0, "reservation was cut short" },
		{ GR_LEASE_RELEASING, true, false, 0, "release was cut short" },
		{ GR_LEASE_SETTLING, true, false, 0, "release was cut short" },
		{ GR_LEASE_PENDING, false, true, 1001, NULL },
		{ GR_LEASE_PENDING, false, true, 999, "expired" },
		{ GR_LEASE_PENDING, false, false, 1001, "nobody took it over" },
		{ GR_LEASE_OWNED, true, false, 0, NULL },
		{ GR_LEASE_OWNED, false, true, 0, NULL },
		{ GR_LEASE_OWNED, false, false, 0, "process is gone" },
		{ GR_LEASE_OWED, false, false, 9999, "not all of it" },
	};
	struct scene *s = *state;
	struct gr_lease *lease = add_lease(s, "vm", GR_LEASE_HELD, 0, SMALL, 5);

	set_pool(s, SMALL, 0, 5, 5, 0);
	lease->keeper_pid = 4711;
	for (size_t i = 0; i < GR_ARRAY_SIZE(cases); i++) {
		lease->state = cases[i].state;
		lease->expires_ns = cases[i].expires_ns;
		s->behind[0] = (struct gr_behind){ cases[i].owner, cases[i].keeper };
		assert_codes(s, cases[i].why ? "GR516" : "");
		if (!cases[i].why)
			continue;
		assert_says(finding(s, "GR516")->cause, cases[i].why);
		assert_string_equal(finding(s, "GR516")->remedy, "guestram recover");
	}
	/* Somebody else starts its VM, as libvirt does: it only expires. */
	lease->state = GR_LEASE_PENDING;
	lease->keeper_pid = 0;
	lease->expires_ns = 1001;
	s->behind[0] = (struct gr_behind){ false, false };
	assert_codes(s, "");
	lease->expires_ns = 999;
	assert_codes(s, "GR516");
}

static void debts(void **state)
{
	struct scene *s = *state;
	struct gr_lease *lease = add_lease(s, "vm", GR_LEASE_OWED, 0, SMALL, 0);

	lease->grants[0].promoted_pages = 50;
	lease->expires_ns = 1000 + UINT64_C(60000000000);
	set_pool(s, SMALL, 0, 50, 0, 0);
	add_held(s, 44, "kvm", NULL, SMALL, 0, 50);
	assert_codes(s, "GR513");
	assert_says(finding(s, "GR513")->evidence,
		    "50 pages of 2 MiB on node 0; paid within 60.00 s");
	assert_int_equal(finding(s, "GR513")->severity, GR_INFO);
	lease->grants[0].promoted_pages = 0;
	lease->grants[0].pages = 50;
	lease->state = GR_LEASE_HELD;
	gr_lease_grant_at(lease, 0, LARGE)->demoted_pages = 2;
	assert_codes(s, "GR519");
}

static void earlier_boot_and_bad_files(void **state)
{
	struct scene *s = *state;
	char *damaged[] = { (char *)"a.json" },
	     *aside[] = { (char *)"b.json.damaged", (char *)"c.json" };

	add_lease(s, "vm", GR_LEASE_HELD, 0, SMALL, 512)->boot_id[0] = '9';
	assert_codes(s, "GR514");
	assert_says(finding(s, "GR514")->evidence, "now " BOOT);
	s->leases.damaged = damaged;
	s->leases.damaged_count = 1;
	s->leases.aside = aside;
	s->leases.aside_count = 2;
	assert_codes(s, "GR514 GR515 GR515 GR515");
	assert_says(s->found.items[1].evidence, "/run/guestram/leases/a.json");
	assert_says(s->found.items[2].remedy, "rm /run/guestram/leases/b.json.damaged");
	assert_says(s->found.items[3].cause, "another version");
}

static void declared_owner_gone(void **state)
{
	struct scene *s = *state;

	set_pool(s, SMALL, 0, 10, 10, 0);
	add_lease(s, "ovs", GR_LEASE_EXTERNAL, 0, SMALL, 10)->owner_pid = 99;
	assert_codes(s, "");
	s->behind[0].owner = false;
	assert_codes(s, "GR517");
	assert_says(finding(s, "GR517")->remedy, "guestram release ovs");
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(books_of_two_leases),
		SCENE(books_of_boot_and_declared),
		SCENE(books_of_an_even_boot),
		SCENE(c33_books_of_a_boot_that_was_short),
		SCENE(books_of_any_node),
		SCENE(books_of_demoted),
		SCENE(books_in_flux),
		SCENE(undeclared_pages),
		SCENE(lowered_pool),
		SCENE(surplus_is_no_leak),
		SCENE(c54_overcommit),
		SCENE(free_surplus),
		SCENE(c85_underflow),
		SCENE(promised_too_much),
		SCENE(lost_pages),
		SCENE(c50_file_outlives_its_vm),
		SCENE(file_without_a_process),
		SCENE(stale_leases),
		SCENE(debts),
		SCENE(earlier_boot_and_bad_files),
		SCENE(declared_owner_gone),
	};

	return cmocka_run_group_tests_name("reconcile", tests, NULL, NULL);
}
