// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Leases on the model of the kernel: cases that people ran into, with their right values; errors
 * of files; names, owners and the ledger's own files.
 */
#include "lease_world.h"

#include <fcntl.h>
#include <sys/stat.h>

/* 16 GiB that crawl up to 6481 of 8192 pages. */
static void c03_crawl_ends_and_is_put_back(void **state)
{
	static const uint64_t yields[] = { 4067, 4096, 4100, 4512, 5120, 5888, 6272,
					   6479, 6479, 6481, 6481, 6481, 6481 };
	struct world *w = *state;

	kernel_set_persistent(w->k, 0, 3);
	kernel_take(w->k, 0, 2);
	w->k->limit[0] = 6481;
	w->k->script = yields;
	w->k->script_count = GR_ARRAY_SIZE(yields);
	/* The three that were there do not count. */
	assert_int_equal(reserve(w, "vm", -1, 8192), -ENOMEM);
	assert_int_equal(w->report.short_pages, 8192 - 6478);
	assert_non_null(strstr(w->err.message, "6,478 of 8,192 pages"));
	assert_non_null(strstr(w->err.message, "all put back"));
	assert_int_equal(w->err.class, GR_CLASS_HOST);
	/* Some are in vain before it ends; not a thousand. */
	assert_in_range(w->model->writes, 5, 30);
	assert_pool(w, 0, 3, 1, 0);
	assert_int_equal(lease_count(w), 0);
}

static void c03_crawl_message(void **state)
{
	struct world *w = *state;

	w->k->limit[0] = 6481;
	assert_int_equal(reserve(w, "vm", -1, 8192), -ENOMEM);
	assert_non_null(strstr(w->err.message, "6,481 of 8,192 pages"));
	assert_non_null(strstr(w->err.message, "short 1,711 pages = 3,422 MiB"));
	assert_pool(w, 0, 0, 0, 0);
}

/* A beside B: deltas, not absolute counts; each gets back exactly its own. */
static void c04_deltas(void **state)
{
	struct world *w = *state;
	uint64_t pages;

	assert_int_equal(reserve(w, "a", -1, 2048), 0);
	assert_int_equal(kernel_take(w->k, 0, 2048), 2048);
	assert_pool(w, 0, 2048, 0, 0);
	assert_int_equal(reserve(w, "b", -1, 4096), 0);
	assert_pool(w, 0, 6144, 4096, 0);
	assert_int_equal(owed(w, 0), 6144);
	assert_int_equal(release(w, "b", &pages), 0);
	assert_int_equal(pages, 4096);
	assert_pool(w, 0, 2048, 0, 0);
	kernel_free(w->k, 0, 2048);
	assert_int_equal(release(w, "a", &pages), 0);
	assert_int_equal(pages, 2048);
	assert_pool(w, 0, 0, 0, 0);
}

/* A release that does nothing, or fails, says so and stays owed. */
static void c06_release_is_read_back(void **state)
{
	struct world *w = *state;
	struct gr_lease *lease;

	assert_int_equal(reserve(w, "vm", -1, 100), 0);
	w->model->deaf = true;
	assert_int_equal(release(w, "vm", NULL), -EIO);
	assert_int_equal(w->err.class, GR_CLASS_STRANDED);
	assert_non_null(strstr(w->err.message, "wrote 0, reads 100"));
	w->model->deaf = false;
	w->model->fault = (struct model_fault){ "nr_hugepages", true, EBUSY, 0, 1 };
	assert_int_equal(release(w, "vm", NULL), -EBUSY);
	assert_int_equal(w->err.class, GR_CLASS_STRANDED);
	lease = find(w, "vm");
	assert_non_null(lease);
	assert_int_equal(lease->state, GR_LEASE_OWED);
	assert_int_equal(gr_lease_pages(lease), 100);
	gr_lease_free(lease);
	/* Meanwhile another owner's pool grows: what is owed is a delta. */
	kernel_set_persistent(w->k, 0, 130);
	assert_int_equal(recover(w), 0);
	assert_pool(w, 0, 30, 30, 0);
	assert_int_equal(lease_count(w), 0);
}

/* The first write gives 17 of 20, the second the rest. */
static void c10_second_write_helps(void **state)
{
	static const uint64_t yields[] = { 17, 20 };
	struct world *w = *state;

	w->k->script = yields;
	w->k->script_count = 2;
	assert_int_equal(reserve(w, "vm", -1, 20), 0);
	assert_int_equal(w->report.count, 2);
	assert_string_equal(w->report.rungs[0].name, "write");
	assert_int_equal(w->report.rungs[0].pages_after, 17);
	assert_string_equal(w->report.rungs[1].name, "rewrite");
	assert_int_equal(w->report.rungs[1].pages_after, 20);
	assert_int_equal(w->model->writes, 2);
	assert_int_equal(w->model->compactions, 0);
}

/* A node without enough is an error, not half a VM elsewhere; "any" spreads. */
static void c08_node_counts(void **state)
{
	struct world *w = *state;

	w->k->limit[0] = 100;
	w->k->limit[1] = 50;
	assert_int_equal(reserve(w, "vm", 1, 60), -ENOMEM);
	assert_non_null(strstr(w->err.message, "50 of 60 pages of 2 MiB on node 1"));
	assert_pool(w, 0, 0, 0, 0);
	assert_pool(w, 1, 0, 0, 0);
	assert_int_equal(reserve(w, "vm", -1, 130), 0);
	assert_pool(w, 0, 100, 100, 0);
	assert_pool(w, 1, 30, 30, 0);
	assert_int_equal(reserve(w, "more", -1, 30), -ENOMEM);
	assert_pool(w, 0, 100, 100, 0);
	assert_pool(w, 1, 30, 30, 0);
	assert_int_equal(release(w, "vm", NULL), 0);
	assert_pool(w, 0, 0, 0, 0);
	assert_pool(w, 1, 0, 0, 0);
	assert_int_equal(reserve(w, "vm", 7, 1), -ENODEV);
	assert_int_equal(w->err.class, GR_CLASS_USAGE);
	assert_int_equal(lease_count(w), 0);
}

/* A node that gives nothing: an error, with --partial as well, never a lease of no pages. */
static void c08_zero_is_no_success(void **state)
{
	struct world *w = *state;
	const struct gr_grant grant = { .node = 1, .page_size_bytes = MODEL_PAGE, .pages = 60 };

	w->k->limit[1] = 0;
	for (int partial = 0; partial < 2; partial++) {
		const struct gr_reserve_options options = { .grants = &grant, .grant_count = 1,
							    .partial = partial };
		struct gr_lease *lease = NULL;

		gr_reserve_report_done(&w->report);
		assert_int_equal(gr_reserve(w->ledger, "vm", &options, &lease, &w->report, &w->err),
				 -ENOMEM);
		assert_null(lease);
		assert_int_equal(w->err.class, GR_CLASS_HOST);
		assert_non_null(strstr(w->err.message, "0 of 60 pages of 2 MiB on node 1"));
		assert_int_equal(w->report.short_pages, 60);
		assert_int_equal(lease_count(w), 0);
		assert_pool(w, 0, 0, 0, 0);
		assert_pool(w, 1, 0, 0, 0);
	}
}

/* 3,064 of 3,500 come: a failure leaves none of them behind. */
static void c88_what_came_goes_back(void **state)
{
	struct world *w = *state;

	kernel_set_persistent(w->k, 0, 4);
	w->k->limit[0] = 4 + 3064;
	assert_int_equal(reserve(w, "vm", -1, 3500), -ENOMEM);
	assert_non_null(strstr(w->err.message, "3,064 of 3,500 pages"));
	assert_pool(w, 0, 4, 4, 0);
	assert_int_equal(lease_count(w), 0);
}

static void flat_kernel(void **state)
{
	struct world *w = *state;

	w->model->flat = true;
	kernel_set_persistent(w->k, 0, 5);
	assert_int_equal(reserve(w, "vm", -1, 60), 0);
	assert_pool(w, 0, 65, 65, 0);
	assert_int_equal(release(w, "vm", NULL), 0);
	assert_pool(w, 0, 5, 5, 0);
}

static void lock_is_bounded(void **state)
{
	struct world *w = *state;
	struct gr_ledger *second = NULL;

	assert_int_equal(gr_ledger_open(w->root, false, 0, &second, &w->err), -ETIMEDOUT);
	assert_int_equal(w->err.class, GR_CLASS_HOST);
	assert_non_null(strstr(w->err.message, "has held"));
	assert_null(second);
}

static void errors_leave_nothing(void **state)
{
	static const int errors[] = { EACCES, EROFS, EINVAL, EINTR, ENOMEM, ENOENT, EIO };
	static const char *const reads[] = { "node0/hugepages", "free_hugepages",
					     "surplus_hugepages", "resv_hugepages",
					     "nr_hugepages" };
	struct world *w = *state;

	kernel_set_persistent(w->k, 0, 7);
	for (size_t i = 0; i < GR_ARRAY_SIZE(errors); i++) {
		w->model->fault = (struct model_fault){ "nr_hugepages", true, errors[i], 0, 1 };
		assert_int_equal(reserve(w, "vm", -1, 10), -errors[i]);
		if (errors[i] == EACCES || errors[i] == EROFS || errors[i] == EINVAL)
			assert_int_equal(w->err.class, GR_CLASS_HOST);
		assert_pool(w, 0, 7, 7, 0);
		assert_int_equal(lease_count(w), 0);
	}
	/* A read fails at any moment: either nothing happened, or recovery puts it right. */
	for (size_t i = 0; i < GR_ARRAY_SIZE(reads); i++) {
		for (unsigned int skip = 0; skip < 12; skip++) {
			w->model->fault = (struct model_fault){ reads[i], false, EIO, skip, 1 };
			int r = reserve(w, "vm", -1, 10);

			w->model->fault.times = 0;
			if (r >= 0)
				assert_int_equal(release(w, "vm", NULL), 0);
			assert_int_equal(recover(w), 0);
			assert_pool(w, 0, 7, 7, 0);
			assert_int_equal(lease_count(w), 0);
		}
	}
	for (size_t i = 0; i < GR_ARRAY_SIZE(reads); i++) {
		for (unsigned int skip = 0; skip < 12; skip++) {
			assert_int_equal(reserve(w, "vm", -1, 10), 0);
			w->model->fault = (struct model_fault){ reads[i], false, EIO, skip, 1 };
			int r = release(w, "vm", NULL);

			w->model->fault.times = 0;
			if (r < 0 && lease_count(w))
				assert_int_equal(release(w, "vm", NULL), 0);
			assert_int_equal(recover(w), 0);
			assert_pool(w, 0, 7, 7, 0);
			assert_int_equal(lease_count(w), 0);
		}
	}
}

static void names(void **state)
{
	static const char *const good[] = { "a", "vm-1_x.y", "A", "9", "-", "_." };
	static const char *const bad[] = { "",	   ".",	  "..",	 ".a",	    "a/b",
					   "../x", "a b", "a\n", "\xc3\xa4" };
	char longest[GR_LEASE_NAME_MAX + 2];

	memset(longest, 'x', sizeof(longest));
	longest[GR_LEASE_NAME_MAX + 1] = '\0';
	assert_int_equal(gr_lease_name_check(longest, NULL), -EINVAL);
	longest[GR_LEASE_NAME_MAX] = '\0';
	assert_int_equal(gr_lease_name_check(longest, NULL), 0);
	assert_int_equal(reserve(*state, longest, -1, 1), 0);
	assert_int_equal(release(*state, longest, NULL), 0);
	for (size_t i = 0; i < GR_ARRAY_SIZE(good); i++)
		assert_int_equal(gr_lease_name_check(good[i], NULL), 0);
	for (size_t i = 0; i < GR_ARRAY_SIZE(bad); i++) {
		assert_int_equal(gr_lease_name_check(bad[i], NULL), -EINVAL);
		assert_int_equal(release(*state, bad[i], NULL), -EINVAL);
	}
	assert_int_equal(release(*state, "nobody", NULL), -ENOENT);
	assert_int_equal(reserve(*state, "twice", -1, 1), 0);
	assert_int_equal(reserve(*state, "twice", -1, 1), -EEXIST);
	assert_int_equal(release(*state, "twice", NULL), 0);
}

static void write_lease(struct world *w, const char *name, const char *text, size_t len)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/guestram/leases/%s", model_run_dir(w->root), name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0 && write(fd, text, len) == (ssize_t)len);
	close(fd);
}

static void ledger_round_trip(void **state)
{
	struct world *w = *state;
	struct gr_lease_grant grants[] = {
		{ .node = 0,
		  .page_size_bytes = MODEL_PAGE,
		  .pages = 1,
		  .asked_pages = 2,
		  .promoted_pages = 3,
		  .demoted_pages = 6,
		  .lent_pages = 7,
		  .goal_pages = 4,
		  .goal_surplus_pages = 5 },
		{ .node = -1, .page_size_bytes = UINT64_C(1) << 30, .pages = UINT64_C(1) << 52 },
	};
	struct gr_lease lease = { .name = "x",
				  .owner_pid = 5,
				  .owner_start_time = 6,
				  .keeper_pid = 7,
				  .keeper_start_time = 8,
				  .since = 9,
				  .expires_ns = 10,
				  .boot_id = MODEL_BOOT_ID,
				  .lend = true,
				  .grants = grants,
				  .grant_count = 2 };

	for (int s = 0; s < GR_LEASE_STATE_COUNT; s++) {
		struct gr_lease *back;

		lease.state = (enum gr_lease_state)s;
		assert_int_equal(gr_ledger_save(w->ledger, &lease, NULL), 0);
		back = find(w, "x");
		assert_non_null(back);
		assert_int_equal(back->state, s);
		assert_int_equal(back->grant_count, 2);
		assert_memory_equal(back->grants, grants, sizeof(grants));
		assert_int_equal(back->expires_ns, 10);
		assert_true(back->lend);
		gr_lease_free(back);
	}
}

static void damaged_files(void **state)
{
	struct world *w = *state;
	_cleanup_free_ char *text = NULL;
	struct gr_lease *lease;
	struct gr_leases leases;
	size_t len;

	assert_int_equal(reserve(w, "good", -1, 5), 0);
	lease = find(w, "good");
	text = gr_lease_to_text(lease);
	gr_lease_free(lease);
	len = strlen(text);
	/* Cut off anywhere, it is damaged; the newline at the end may be missing. */
	for (size_t i = 0; i < len - 1; i++) {
		_cleanup_free_ char *part = strndup(text, i);

		assert_int_equal(gr_lease_from_text(part, &lease), -EBADMSG);
	}
	write_lease(w, "cut.json", text, len / 2);
	write_lease(w, "empty.json", "", 0);
	write_lease(w, "othername.json", text, len);
	write_lease(w, "nul.json", "{}\0{}", 5);
	write_lease(w, ".good.new", text, len / 3);
	assert_int_equal(gr_ledger_list(w->ledger, &leases, NULL), 0);
	assert_int_equal(leases.count, 1);
	assert_int_equal(leases.damaged_count, 4);
	gr_leases_done(&leases);
	assert_int_equal(faccessat(w->ledger->leases_fd, ".good.new", F_OK, 0), -1);
	assert_int_equal(faccessat(w->ledger->leases_fd, "cut.json.damaged", F_OK, 0), 0);
	assert_int_equal(gr_ledger_list(w->ledger, &leases, NULL), 0);
	assert_int_equal(leases.damaged_count, 0);
	gr_leases_done(&leases);
	assert_int_equal(recover(w), 0);
	assert_pool(w, 0, 5, 5, 0);
	assert_int_equal(release(w, "good", NULL), 0);
	assert_pool(w, 0, 0, 0, 0);
}

static void other_boot(void **state)
{
	struct world *w = *state;

	assert_int_equal(reserve(w, "vm", -1, 5), 0);
	world_close(w);
	/* After a boot the pool has what the new boot gave it. */
	w->model->boot_id[0] = '9';
	world_open(w);
	assert_int_equal(recover(w), 0);
	assert_int_equal(lease_count(w), 0);
	assert_pool(w, 0, 5, 5, 0);
}

static void owners(void **state)
{
	struct world *w = *state;
	struct gr_lease *lease;

	assert_int_equal(reserve(w, "vm", -1, 5), 0);
	lease = find(w, "vm");
	assert_int_equal(gr_lease_set_owner(w->ledger, lease, 4711, &w->err), -ESRCH);
	w->model->alive[0] = 4711;
	assert_int_equal(gr_lease_set_owner(w->ledger, lease, 4711, &w->err), 0);
	gr_lease_free(lease);
	assert_int_equal(recover(w), 0);
	assert_int_equal(lease_count(w), 1);
	/* That /proc cannot be read kills nobody. */
	w->model->fault = (struct model_fault){ "/stat", false, EMFILE, 0, 9 };
	assert_int_equal(recover(w), 0);
	assert_int_equal(lease_count(w), 1);
	w->model->fault.times = 0;
	w->model->alive[0] = 0;
	assert_int_equal(recover(w), 0);
	assert_int_equal(lease_count(w), 0);
	assert_pool(w, 0, 0, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(c03_crawl_ends_and_is_put_back),
		ONE(c03_crawl_message),
		ONE(c04_deltas),
		ONE(c06_release_is_read_back),
		ONE(c10_second_write_helps),
		TWO(c08_node_counts),
		TWO(c08_zero_is_no_success),
		ONE(c88_what_came_goes_back),
		ONE(flat_kernel),
		ONE(lock_is_bounded),
		ONE(errors_leave_nothing),
		TWO(errors_leave_nothing),
		ONE(names),
		ONE(ledger_round_trip),
		ONE(damaged_files),
		ONE(other_boot),
		ONE(owners),
	};

	return cmocka_run_group_tests_name("lease", tests, NULL, NULL);
}
