// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The child that writes to a block's state: its answer, its end at the deadline and at an
 * interruption, and what it has of ours when it must be left behind. A FIFO that is full stands for
 * a block that does not come free; a kill that does nothing for a child stuck in the kernel.
 */
#include "temp_root.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/util.h"
#include "lease/blocks.h"

static pid_t killed;  /* whom we killed last */
static bool deathless;

int __real_kill(pid_t pid, int number);
int __wrap_kill(pid_t pid, int number);

int __wrap_kill(pid_t pid, int number)
{
	killed = pid;
	return deathless ? 0 : __real_kill(pid, number);
}

struct world {
	struct temp_root *dir;
	struct gr_ledger *ledger;
	char fifo[512];
	int fifo_fd;
};

static void start(struct world *w, void **state)
{
	*w = (struct world){ .dir = *state, .fifo_fd = -1 };
	temp_root_put(w->dir, "run/.keep", "");
	temp_root_put(w->dir, "sys/devices/system/memory/memory7/state", "online\n");
	temp_root_put(w->dir, "sys/devices/system/memory/memory8/state", "online\n");
	assert_int_equal(gr_ledger_open(w->dir->root, false, 0, &w->ledger, NULL), 0);
	killed = 0;
	deathless = false;
}

static void end(struct world *w)
{
	if (w->fifo_fd >= 0)
		close(w->fifo_fd);
	gr_ledger_close(w->ledger);
}

/* Block 8 takes a write for ever. */
static void block_never_free(struct world *w)
{
	char text[4096] = "";

	temp_root_path(w->dir, "sys/devices/system/memory/memory8/state", w->fifo, sizeof(w->fifo));
	unlink(w->fifo);
	assert_int_equal(mkfifo(w->fifo, 0600), 0);
	w->fifo_fd = open(w->fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	assert_true(w->fifo_fd >= 0);
	while (write(w->fifo_fd, text, sizeof(text)) > 0)
		;
}

static void drain(struct world *w)
{
	char text[4096];

	while (read(w->fifo_fd, text, sizeof(text)) > 0)
		;
}

static void assert_state(struct world *w, const char *path, const char *wanted)
{
	_cleanup_free_ char *line = NULL;

	assert_int_equal(gr_root_read_line(w->dir->root, path, &line, NULL), 0);
	assert_string_equal(line, wanted);
}

static void answers(void **state)
{
	static const uint64_t both[] = { 7, 8 }, absent[] = { 7, 9 };
	struct rlimit old, none;
	struct world w;
	sigset_t before, after;

	start(&w, state);
	sigprocmask(SIG_BLOCK, NULL, &before);
	assert_int_equal(gr_block_write(w.ledger, both, 2, "offline\n", UINT64_MAX, NULL), 0);
	assert_state(&w, "sys/devices/system/memory/memory7/state", "offline");
	assert_state(&w, "sys/devices/system/memory/memory8/state", "offline");
	/* None is written if one is not there. */
	assert_int_equal(gr_block_write(w.ledger, absent, 2, "ONLINE_\n", UINT64_MAX, NULL), -ENOENT);
	assert_state(&w, "sys/devices/system/memory/memory7/state", "offline");
	/* The kernel's answer comes through. */
	getrlimit(RLIMIT_FSIZE, &old);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = old.rlim_max };
	setrlimit(RLIMIT_FSIZE, &none);
	assert_int_equal(gr_block_write(w.ledger, both, 1, "offline\n", UINT64_MAX, NULL), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(killed, 0);
	sigprocmask(SIG_BLOCK, NULL, &after);
	for (int i = 1; i < NSIG; i++)
		assert_int_equal(sigismember(&before, i), sigismember(&after, i));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left of the children */
	end(&w);
}

static void deadline(void **state)
{
	static const uint64_t both[] = { 8, 7 };
	volatile int interrupted = 0;
	struct world w;

	start(&w, state);
	block_never_free(&w);
	assert_int_equal(gr_block_write(w.ledger, both, 2, "offline\n", gr_now_ns() + 30000000,
					&interrupted), -ETIMEDOUT);
	assert_true(killed > 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_state(&w, "sys/devices/system/memory/memory7/state", "online");
	killed = 0;
	interrupted = SIGINT;
	assert_int_equal(gr_block_write(w.ledger, both, 2, "offline\n", UINT64_MAX, &interrupted),
			 -EINTR);
	assert_true(killed > 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	end(&w);
}

static void left_behind(void **state)
{
	static const uint64_t eight = 8;
	_cleanup_names_ struct gr_names names = { 0 };
	_cleanup_root_ struct gr_root *host = NULL;
	char path[64];
	struct world w;

	start(&w, state);
	block_never_free(&w);
	deathless = true;
	assert_int_equal(gr_block_write(w.ledger, &eight, 1, "offline\n", gr_now_ns() + 10000000,
					NULL), -ETIMEDOUT);
	/* It lives, and has nothing but the file that it writes to. */
	assert_int_equal(waitpid(killed, NULL, WNOHANG), 0);
	snprintf(path, sizeof(path), "proc/%d/fd", (int)killed);
	assert_int_equal(gr_root_open(NULL, &host, NULL), 0);
	assert_int_equal(gr_root_list(host, path, &names, NULL), 0);
	assert_int_equal(names.count, 1);
	drain(&w);
	assert_int_equal(waitpid(killed, NULL, 0), killed);
	end(&w);
}

/* Who is killed leaves nothing running. */
static void orphan(void **state)
{
	static const uint64_t eight = 8;
	char child[16] = "";
	struct world w;
	int fds[2], status;
	pid_t pid;

	start(&w, state);
	block_never_free(&w);
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		/* Its own child inherits this one's death. */
		deathless = true;
		gr_block_write(w.ledger, &eight, 1, "offline\n", gr_now_ns() + 10000000, NULL);
		snprintf(child, sizeof(child), "%d", (int)killed);
		_exit(write(fds[1], child, sizeof(child)) < 0);
	}
	assert_true(read(fds[0], child, sizeof(child)) > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	for (int i = 0; i < 200 && __real_kill(atoi(child), 0) == 0; i++)
		usleep(10000);
	/* Gone, or a zombie that nobody waits for. */
	if (__real_kill(atoi(child), 0) == 0) {
		char path[64], text[64] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%s/stat", child);
		f = fopen(path, "r");
		if (f) {
			assert_non_null(fgets(text, sizeof(text), f));
			fclose(f);
			assert_non_null(strstr(text, ") Z"));
		}
	}
	close(fds[0]);
	close(fds[1]);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_TEMP_ROOT(answers),
		IN_TEMP_ROOT(deadline),
		IN_TEMP_ROOT(left_behind),
		IN_TEMP_ROOT(orphan),
	};

	return cmocka_run_group_tests_name("writing to memory blocks", tests, NULL, NULL);
}
