// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A signal at every moment at which a reservation looks for one: the pools are as before, no lease
 * is left, and the message says what became of the pages. And one while it waits for the lock.
 */
#include "lease_world.h"

#include <signal.h>
#include <sys/time.h>

static volatile int signal_number;

struct moment {
	struct world *world;
	uint64_t at;	/* with that many pages, 0: before the first */
	bool deaf_then; /* from then on writes to pools do nothing */
};

static void on_progress(void *data, uint64_t done, uint64_t total)
{
	struct moment *moment = data;

	if (done < moment->at)
		return;
	signal_number = 2;
	moment->world->model->deaf = moment->deaf_then;
}

static int reserve_until(struct world *w, uint64_t pages, uint64_t at, bool deaf_then)
{
	struct moment moment = { .world = w, .at = at, .deaf_then = deaf_then };
	const struct gr_grant grant = { .node = -1, .page_size_bytes = MODEL_PAGE, .pages = pages };
	const struct gr_reserve_options options = {
		.grants = &grant, .grant_count = 1, .interrupted = &signal_number,
		.progress = on_progress, .progress_data = &moment,
	};
	struct gr_lease *lease = NULL;
	int r;

	signal_number = at == 0 ? 15 : 0;
	gr_reserve_report_done(&w->report);
	r = gr_reserve(w->ledger, "vm", &options, &lease, &w->report, &w->err);
	gr_lease_free(lease);
	return r;
}

static void before_the_first_write(void **state)
{
	struct world *w = *state;

	kernel_set_persistent(w->k, 0, 5);
	assert_int_equal(reserve_until(w, 100, 0, false), -EINTR);
	assert_int_equal(w->err.class, GR_CLASS_HOST);
	assert_string_equal(w->err.message, "interrupted while reserving");
	assert_string_equal(w->err.hint, "nothing was taken");
	assert_pool(w, 0, 5, 5, 0);
	assert_int_equal(lease_count(w), 0);
}

static void between_writes(void **state)
{
	static const uint64_t yields[] = { 40, 60, 80, 90, 95, 96, 97, 98, 99, 100 };
	struct world *w = *state;

	for (uint64_t at = 1; at <= 100; at += 11) {
		w->k->script = yields;
		w->k->script_count = GR_ARRAY_SIZE(yields);
		w->k->script_at = 0;
		assert_int_equal(reserve_until(w, 100, at, false), -EINTR);
		assert_string_equal(w->err.message, "interrupted while reserving");
		assert_string_equal(w->err.hint, "everything was put back");
		assert_pool(w, 0, 0, 0, 0);
		assert_int_equal(lease_count(w), 0);
	}
}

/* Once all is there a signal changes nothing more of the outcome than any other moment. */
static void with_the_last_page(void **state)
{
	struct world *w = *state;

	assert_int_equal(reserve_until(w, 100, 100, false), -EINTR);
	assert_string_equal(w->err.hint, "everything was put back");
	assert_pool(w, 0, 0, 0, 0);
	assert_int_equal(lease_count(w), 0);
}

/* What is not so is not said. */
static void when_it_cannot_be_put_back(void **state)
{
	struct world *w = *state;

	w->k->limit[0] = 50;
	assert_int_equal(reserve_until(w, 100, 50, true), -EIO);
	assert_int_equal(w->err.class, GR_CLASS_STRANDED);
	assert_null(strstr(w->err.hint, "everything was put back"));
	assert_int_equal(lease_count(w), 1);
}

static void on_alarm(int number)
{
	signal_number = number;
}

#define LONG_NS (UINT64_C(100) * 1000000000) /* nothing here waits for as long as that */

/* Another process has the lock until it reads from @go_fd. */
static pid_t lock_in_child(struct world *w, int *go_fd)
{
	int go[2], ready[2];
	char byte;
	pid_t pid;

	world_close(w);
	assert_int_equal(pipe(go) | pipe(ready), 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(go[1]);
		world_open(w);
		_exit(write(ready[1], "", 1) != 1 || read(go[0], &byte, 1) < 0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	close(go[0]);
	*go_fd = go[1];
	return pid;
}

static void end_child(struct world *w, pid_t pid, int go_fd)
{
	int status;

	close(go_fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	if (!w->ledger)
		world_open(w);
}

/* Whenever it comes: before the wait, at its beginning, and later. A handler with SA_RESTART too. */
static void while_waiting_for_the_lock(void **state)
{
	static const int delays_us[] = { 0, 1, 20, 300, 5000, 50000 };
	struct world *w = *state;
	int go_fd;
	pid_t pid = lock_in_child(w, &go_fd);

	for (size_t i = 0; i < 2 * GR_ARRAY_SIZE(delays_us); i++) {
		const struct sigaction action = { .sa_handler = on_alarm,
						  .sa_flags = i & 1 ? SA_RESTART : 0 };
		const struct itimerval timer = { .it_value.tv_usec = delays_us[i / 2] };
		struct gr_ledger *ledger = NULL;

		assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
		signal_number = delays_us[i / 2] ? 0 : SIGALRM;
		assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
		assert_int_equal(gr_ledger_open_unless(w->root, LONG_NS, &signal_number, &ledger,
						       &w->err), -EINTR);
		assert_int_equal(w->err.class, GR_CLASS_HOST);
		assert_non_null(strstr(w->err.message, "interrupted while waiting"));
		assert_string_equal(w->err.hint, "nothing was taken");
		assert_null(ledger);
	}
	end_child(w, pid, go_fd);
}

/* Signals that nobody asked about end no wait, and those that come meanwhile are not lost. */
static void other_signals_do_not_end_it(void **state)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	const struct itimerval timer = { .it_value.tv_usec = 20000 };
	struct world *w = *state;
	int go_fd;
	pid_t pid = lock_in_child(w, &go_fd);

	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	signal_number = 0;
	assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
	assert_int_equal(gr_ledger_open(w->root, false, 100000000, &w->ledger, &w->err),
			 -ETIMEDOUT);
	assert_int_equal(signal_number, SIGALRM);
	end_child(w, pid, go_fd);
}

/* It ends with the holder, however that ends. */
static void c80_the_lock_is_had_when_its_holder_dies(void **state)
{
	struct world *w = *state;

	for (int killed = 0; killed < 2; killed++) {
		int go_fd, status;
		pid_t pid = lock_in_child(w, &go_fd), other = fork();

		if (other == 0) {
			usleep(20000);
			if (killed)
				kill(pid, SIGKILL);
			_exit(0);
		}
		if (!killed)
			close(go_fd);
		assert_int_equal(gr_ledger_open(w->root, false, LONG_NS, &w->ledger, &w->err), 0);
		if (killed)
			close(go_fd);
		assert_int_equal(waitpid(other, &status, 0), other);
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(before_the_first_write),
		ONE(between_writes),
		ONE(with_the_last_page),
		ONE(when_it_cannot_be_put_back),
		ONE(while_waiting_for_the_lock),
		ONE(other_signals_do_not_end_it),
		ONE(c80_the_lock_is_had_when_its_holder_dies),
	};

	return cmocka_run_group_tests_name("lease_interrupt", tests, NULL, NULL);
}
