// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Files that the user names are opened as they are; those of the host (a domain by its name, a
 * process) through the root. Of a log only the end counts, and no more is kept of a stream. A log
 * of libvirt holds the command line of its last start: that is the description if there is no
 * other.
 */
#include "cli/doctor_input.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/util.h"
#include "doctor/words.h"
#include "guest/argv.h"
#include "guest/qemu_argv.h"

#define DESCRIPTION_MAX (UINT64_C(16) << 20)

static int file_error(struct gr_cli *cli, const char *path, int errnum)
{
	return gr_error_set(&cli->err, errnum == ENOENT ? GR_CLASS_USAGE : GR_CLASS_SYSTEM, errnum,
			    "cannot read %.256s: %s", path, strerror(errnum));
}

/* The last @max bytes of a file or stream ("-" is standard input). */
static int read_end(struct gr_cli *cli, const char *path, size_t max, char **ret, size_t *ret_len)
{
	_cleanup_close_ int opened = -1;
	_cleanup_free_ char *buf = malloc(2 * max + 1);
	size_t len = 0;
	struct stat st;
	ssize_t n;
	int fd = STDIN_FILENO;

	if (!buf)
		return gr_error_nomem(&cli->err);
	if (strcmp(path, "-") != 0) {
		fd = opened = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (fd < 0)
			return file_error(cli, path, errno);
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size > max)
		lseek(fd, -(off_t)max, SEEK_END);
	for (;;) {
		n = read(fd, buf + len, 2 * max - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
		if (len == 2 * max) {
			memmove(buf, buf + max, max);
			len = max;
		}
	}
	if (n < 0)
		return file_error(cli, path, errno);
	if (len > max) {
		memmove(buf, buf + len - max, max);
		len = max;
	}
	buf[len] = '\0';
	*ret = gr_steal_ptr(buf);
	*ret_len = len;
	return 0;
}

static int read_log(struct gr_cli *cli, const struct gr_args *args, struct gr_doctor_question *q)
{
	const char *error = gr_arg(args, "error"), *log = gr_arg(args, "log");
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int r = 0;

	if (!error && !log)
		return 0;
	/* One byte more than is looked at, so that a cut is noticed. */
	if (log)
		r = read_end(cli, log, GR_LOG_MAX + 1, &text, &len);
	if (r < 0)
		return r;
	if (gr_log_read(log ? text : error, log ? len : strlen(error), &q->log) < 0)
		return gr_error_nomem(&cli->err);
	q->has_log = true;
	return 0;
}

static int from_words(struct gr_cli *cli, const char *text, size_t len,
		      struct gr_doctor_question *q)
{
	_cleanup_argv_ char **words = NULL;
	size_t count, program;
	int r = gr_words_split(text, len, &words, &count);

	if (r < 0)
		return gr_error_nomem(&cli->err);
	program = gr_words_program(words, count);
	if (program == count)
		return gr_cli_usage(cli, "there is no command line in it");
	return gr_intent_argv(words + program, q->host, &q->intent, &cli->err);
}

static int from_argv(struct gr_cli *cli, const char *value, struct gr_doctor_question *q)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r = read_end(cli, value, GR_LOG_MAX, &text, &len);

	return r < 0 ? r : from_words(cli, text, len, q);
}

static int from_pid(struct gr_cli *cli, const char *value, struct gr_doctor_question *q)
{
	uint64_t pid;

	if (gr_parse_u64(value, &pid) < 0 || !pid || pid > INT32_MAX)
		return gr_cli_usage(cli, "--pid: '%.32s' is no pid", value);
	return gr_intent_pid(cli->root, (pid_t)pid, q->host, &q->intent, &cli->err);
}

/* A domain that libvirt knows: as it is defined, else as it runs. */
static int read_domain(struct gr_cli *cli, const char *name, char **ret, size_t *ret_len)
{
	static const char *const places[] = { "etc/libvirt/qemu", "run/libvirt/qemu" };
	int r = -ENOENT;

	for (size_t i = 0; i < GR_ARRAY_SIZE(places) && r == -ENOENT; i++) {
		char path[320];

		snprintf(path, sizeof(path), "%s/%.250s.xml", places[i], name);
		r = gr_root_read(cli->root, path, ret, ret_len, &cli->err);
	}
	if (r == -ENOENT) {
		r = gr_error_set(&cli->err, GR_CLASS_NO, ENOENT,
				 "there is no domain named '%.128s'", name);
		gr_error_hint(&cli->err,
			      "a file with its XML works as well: virsh dumpxml --inactive "
			      "NAME > FILE");
	}
	return r;
}

static int from_domain(struct gr_cli *cli, const char *value, struct gr_doctor_question *q)
{
	_cleanup_free_ char *text = NULL;
	bool name = strcmp(value, "-") != 0 && !strchr(value, '/') && access(value, F_OK) < 0;
	char path[320];
	size_t len;
	uint64_t pid;
	int r = name ? read_domain(cli, value, &text, &len) :
		       read_end(cli, value, DESCRIPTION_MAX, &text, &len);

	if (r >= 0)
		r = gr_intent_domain(text, len, q->host, &q->intent, &cli->err);
	if (r < 0 || !name)
		return r;
	snprintf(path, sizeof(path), "run/libvirt/qemu/%.250s.pid", value);
	if (gr_root_read_u64(cli->root, path, &pid, NULL) >= 0 && pid && pid <= INT32_MAX)
		q->intent.pid = (pid_t)pid;
	return 0;
}

static const struct {
	const char *option;
	int (*read)(struct gr_cli *cli, const char *value, struct gr_doctor_question *q);
} descriptions[] = {
	{ "domain", from_domain },
	{ "argv", from_argv },
	{ "pid", from_pid },
};

/* Without a description: the command line that the log holds. One that is not understood is none.
 */
static int from_log(struct gr_cli *cli, struct gr_doctor_question *q)
{
	int r;

	if (!q->log.command)
		return 0;
	r = from_words(cli, q->log.command, strlen(q->log.command), q);
	if (r == -ENOMEM)
		return r;
	if (r >= 0)
		q->intent.source = "log";
	return 0;
}

static int read_description(struct gr_cli *cli, const struct gr_args *args,
			    struct gr_doctor_question *q)
{
	size_t count = args->rest != NULL, which = 0;

	for (size_t i = 0; i < GR_ARRAY_SIZE(descriptions); i++) {
		if (!gr_arg(args, descriptions[i].option))
			continue;
		which = i;
		count++;
	}
	if (count > 1)
		return gr_cli_usage(cli,
				    "one VM at a time: --domain, --argv, --pid, or words after --");
	if (args->rest)
		return gr_intent_argv(args->rest, q->host, &q->intent, &cli->err);
	if (count)
		return descriptions[which].read(cli, gr_arg(args, descriptions[which].option), q);
	return from_log(cli, q);
}

int gr_doctor_question_read(struct gr_cli *cli, const struct gr_args *args,
			    struct gr_doctor_question *ret)
{
	struct gr_doctor_question q = { 0 };
	int r;

	if (gr_arg(args, "error") && gr_arg(args, "log"))
		return gr_cli_usage(cli, "--error or --log, not both");
	r = gr_host_read(cli->root, GR_READ_ALL, &q.host, &cli->err);
	if (r >= 0)
		r = read_log(cli, args, &q);
	if (r >= 0)
		r = read_description(cli, args, &q);
	if (r < 0) {
		gr_doctor_question_done(&q);
		return r;
	}
	*ret = q;
	return 0;
}

void gr_doctor_question_done(struct gr_doctor_question *question)
{
	gr_host_free(question->host);
	gr_log_done(&question->log);
	gr_intent_done(&question->intent);
	*question = (struct gr_doctor_question){ 0 };
}
