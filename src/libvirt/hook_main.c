// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * /etc/libvirt/hooks/qemu.d/guestram: NAME OPERATION SUBOPERATION REASON, and the domain's XML on
 * standard input. A domain that takes no huge pages and does not name us costs a scan for words. At
 * reconnect and attach the exit status is 0 before anything is read, since any other would make
 * libvirt kill a guest that runs: a child does the rest and can fail as it likes. It holds nothing
 * that libvirt waits for once it has read the XML. Nothing is written to standard output, which
 * would replace the XML of a domain that is restored or migrated.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/util.h"
#include "libvirt/hook.h"

#define INPUT_WAITS_MS 10000 /* for more of the XML: libvirt writes it at once */

static char input[GR_DOMAIN_TEXT_MAX + 1];
static volatile int caught_signal;

static void on_signal(int number)
{
	caught_signal = number;
}

static size_t read_input(void)
{
	struct pollfd poll_fd = { .fd = STDIN_FILENO, .events = POLLIN };
	size_t len = 0;

	while (len < sizeof(input)) {
		ssize_t n = read(STDIN_FILENO, input + len, sizeof(input) - len);

		if (n < 0 && errno == EINTR && !caught_signal)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
		if (poll(&poll_fd, 1, INPUT_WAITS_MS) == 0)
			return sizeof(input); /* not all of it: as good as none that can be read */
	}
	return len;
}

/* Nothing that we open may become our standard output or error. */
static bool has_std_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void catch_signals(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = on_signal };

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < GR_ARRAY_SIZE(numbers); i++)
		sigaction(numbers[i], &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
}

/* One line, whatever is in it: libvirt shows it behind its own words. */
static void say(const struct gr_hook *hook, const char *message, const char *hint)
{
	char line[1600];
	int n = snprintf(line, sizeof(line), "guestram: %.128s: %s%s%s", hook->name, message,
			 hint[0] ? "; " : "", hint);
	size_t len = gr_min_u64((uint64_t)(n < 0 ? 0 : n), sizeof(line) - 2);

	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = ' ';
	}
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		return;
}

static int run(struct gr_hook *hook)
{
	struct gr_error err = { 0 };
	struct gr_root *root;
	int r;

	if (!has_std_fds())
		return hook->action == GR_HOOK_PREPARE;
	catch_signals();
	/* A daemon that dies calls no release: what is half reserved is put back then. */
	if (hook->action == GR_HOOK_PREPARE)
		prctl(PR_SET_PDEATHSIG, SIGTERM);
	r = gr_root_open(NULL, &root, &err);
	if (r >= 0) {
		hook->root = root;
		hook->interrupted = &caught_signal;
		r = gr_hook_run(hook, &err);
		gr_root_close(root);
	}
	if (r < 0)
		say(hook, err.message, err.hint);
	else if (hook->said[0])
		say(hook, hook->said, "");
	gr_hook_done(hook);
	/* A failure of started would stop the guest. */
	return r < 0 && hook->action != GR_HOOK_STARTED;
}

static bool is_ours(struct gr_hook *hook)
{
	hook->len = read_input();
	hook->text = input;
	return hook->len == 0 || hook->len == sizeof(input) ||
	       gr_domain_has_interest(input, hook->len);
}

/* In a session of its own, with none of the pipes that libvirt reads to their end. */
static void adopt(struct gr_hook *hook)
{
	int fd;

	if (!is_ours(hook) || setsid() < 0)
		return;
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int i = STDIN_FILENO; i <= STDERR_FILENO && fd >= 0; i++)
		dup2(fd, i);
	run(hook);
}

int main(int argc, char **argv)
{
	struct gr_hook hook = { .reason = "-" };

	if (argc < 4)
		return 0;
	hook.name = argv[1];
	hook.op = argv[2];
	if (argc > 4)
		hook.reason = argv[4];
	hook.action = gr_hook_action(argv[2], argv[3]);
	switch (hook.action) {
	case GR_HOOK_NOTHING:
		return 0;
	case GR_HOOK_ADOPT:
		if (fork() == 0)
			adopt(&hook);
		return 0;
	default:
		return is_ours(&hook) ? run(&hook) : 0;
	}
}
