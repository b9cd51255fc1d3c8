// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The line of progress on a terminal of our own and on a pipe: what is drawn, when, and that it is
 * gone at the end. Time is moved by the struct's own clock, never waited for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>

#include "base/progress.h"
#include "base/util.h"

#define SECOND_NS UINT64_C(1000000000)

/* Standard error while something is watched. */
struct watch {
	int read_fd, write_fd, saved_fd;
	char text[256];
};

static void watch_start(struct watch *watch)
{
	fflush(stderr);
	watch->saved_fd = dup(STDERR_FILENO);
	assert_true(watch->saved_fd >= 0);
	assert_int_equal(dup2(watch->write_fd, STDERR_FILENO), STDERR_FILENO);
}

/* Takes what was written. A pty hands it over when it finds the time: a mark tells that it is all. */
static const char *watch_end(struct watch *watch)
{
	struct pollfd wait = { .fd = watch->read_fd, .events = POLLIN };
	size_t length = 0;

	fputc('#', stderr);
	fflush(stderr);
	assert_int_equal(dup2(watch->saved_fd, STDERR_FILENO), STDERR_FILENO);
	close(watch->saved_fd);
	do {
		ssize_t n;

		assert_int_equal(poll(&wait, 1, 20000), 1);
		n = read(watch->read_fd, watch->text + length, sizeof(watch->text) - 1 - length);
		assert_true(n > 0);
		length += (size_t)n;
	} while (watch->text[length - 1] != '#');
	watch->text[length - 1] = '\0';
	return watch->text;
}

static void open_terminal(struct watch *watch)
{
	struct termios raw;

	watch->read_fd = posix_openpt(O_RDWR | O_NOCTTY);
	assert_true(watch->read_fd >= 0);
	assert_int_equal(grantpt(watch->read_fd), 0);
	assert_int_equal(unlockpt(watch->read_fd), 0);
	watch->write_fd = open(ptsname(watch->read_fd), O_RDWR | O_NOCTTY);
	assert_true(watch->write_fd >= 0);
	assert_int_equal(tcgetattr(watch->write_fd, &raw), 0);
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(watch->write_fd, TCSANOW, &raw), 0);
}

static void close_both(struct watch *watch)
{
	close(watch->write_fd);
	close(watch->read_fd);
}

static void test_terminal(void **state)
{
	struct gr_progress p;
	struct watch watch;

	open_terminal(&watch);
	watch_start(&watch);
	gr_progress_start(&p, "reserving");
	gr_progress_step(&p, 1, 4); /* not yet: patience */
	p.started_ns -= SECOND_NS;
	gr_progress_step(&p, 1, 4);
	gr_progress_step(&p, 2, 4); /* too soon after the last */
	p.shown_ns -= SECOND_NS;
	gr_progress_step(&p, 3, 4);
	gr_progress_end(&p);
	gr_progress_end(&p); /* the second has nothing to wipe */
	assert_string_equal(watch_end(&watch), "\rreserving: 25 %\033[K"
					       "\rreserving: 75 %\033[K"
					       "\r\033[K");
	close_both(&watch);
}

static void test_quick(void **state)
{
	struct gr_progress p;
	struct watch watch;

	open_terminal(&watch);
	watch_start(&watch);
	gr_progress_start(&p, "reserving");
	gr_progress_step(&p, 1, 1);
	gr_progress_end(&p);
	assert_string_equal(watch_end(&watch), "");
	close_both(&watch);
}

static void test_pipe(void **state)
{
	struct gr_progress p;
	struct watch watch;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	watch.read_fd = fds[0];
	watch.write_fd = fds[1];
	watch_start(&watch);
	gr_progress_start(&p, "reserving");
	p.started_ns -= SECOND_NS;
	gr_progress_step(&p, 1, 4);
	gr_progress_end(&p);
	assert_string_equal(watch_end(&watch), "");
	close_both(&watch);
}

static void test_unknown_total(void **state)
{
	struct gr_progress p;
	struct watch watch;

	open_terminal(&watch);
	watch_start(&watch);
	gr_progress_start(&p, "populating");
	p.started_ns -= SECOND_NS;
	gr_progress_step(&p, 5, 0);
	gr_progress_end(&p);
	assert_string_equal(watch_end(&watch), "\rpopulating: 0 %\033[K\r\033[K");
	close_both(&watch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_quick),
		cmocka_unit_test(test_pipe),
		cmocka_unit_test(test_unknown_total),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
