// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The wire of a QMP client: connected only to the inspected process, since the answers would be
 * about another VM otherwise, or made up. Events are skipped, and a clock runs for each answer and
 * for all: a monitor has one client at a time, so a second one is accepted by the kernel and then
 * hears nothing.
 */
#include "verify/qmp_socket.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/util.h"

#define ANSWER_NS UINT64_C(2000000000)
#define TOTAL_NS UINT64_C(10000000000)
#define EVENTS_MAX 1000

static int hint_busy(struct gr_qmp *q)
{
	gr_error_set(q->err, GR_CLASS_HOST, EBUSY, "%.200s: QEMU gave no answer within two seconds",
		     q->path);
	gr_error_hint(q->err, "a monitor has one client at a time, and libvirt keeps its own; give "
			      "QEMU another: -qmp unix:/run/vm.qmp,server=on,wait=off");
	return -EBUSY;
}

int gr_qmp_hostile(struct gr_qmp *q, const char *what)
{
	return gr_error_set(q->err, GR_CLASS_HOST, EBADMSG, "%.200s: %s", q->path, what);
}

static int failed(struct gr_qmp *q, int errnum)
{
	return gr_error_set(q->err, GR_CLASS_HOST, errnum, "%.200s: %s", q->path, strerror(errnum));
}

/* The listener, as the kernel noted it when it called listen(). */
static int check_owner(struct gr_qmp *q, pid_t pid)
{
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);

	if (getsockopt(q->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return failed(q, errno);
	if (cred.pid == pid)
		return 0;
	gr_error_set(q->err, GR_CLASS_USAGE, EPERM,
		     "%.200s belongs to process %d, not to process %d", q->path, (int)cred.pid,
		     (int)pid);
	gr_error_hint(q->err, "give the socket that this QEMU made itself with -qmp");
	return -EPERM;
}

static int connect_to(struct gr_qmp *q, pid_t pid)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (!*q->path || strlen(q->path) >= sizeof(address.sun_path))
		return gr_error_set(q->err, GR_CLASS_USAGE, ENAMETOOLONG,
				    "'%.200s' is no path of a socket (1 to %zu bytes)", q->path,
				    sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, q->path);
	q->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (q->fd < 0)
		return failed(q, errno);
	if (connect(q->fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return errno == EAGAIN ? hint_busy(q) : failed(q, errno);
	return check_owner(q, pid);
}

/* Wait until the socket is ready. Return: 0, -EBUSY, -errno. */
static int wait_for(struct gr_qmp *q, short events, uint64_t end_ns)
{
	struct pollfd p = { .fd = q->fd, .events = events };

	for (;;) {
		uint64_t now = gr_now_ns();
		int n;

		end_ns = gr_min_u64(end_ns, q->end_ns);
		if (now >= end_ns)
			return hint_busy(q);
		n = poll(&p, 1, (int)((end_ns - now) / 1000000 + 1));
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return failed(q, errno);
	}
}

static int receive(struct gr_qmp *q, json_object **ret)
{
	uint64_t end_ns = gr_now_ns() + ANSWER_NS;

	for (;;) {
		size_t used = 0;
		ssize_t n;
		int r = gr_qmp_feed(&q->reader, q->bytes + q->from, q->to - q->from, &used, ret);

		q->from += used;
		if (r < 0)
			return gr_qmp_hostile(q, r == -EMSGSIZE ?
							 "an answer is too long for QMP" :
							 "what answers does not speak QMP");
		if (r > 0)
			return 0;
		r = wait_for(q, POLLIN, end_ns);
		if (r < 0)
			return r;
		n = recv(q->fd, q->bytes, sizeof(q->bytes), 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0)
			return failed(q, errno);
		if (n == 0)
			return gr_qmp_hostile(q, "QEMU closed the connection");
		q->from = 0;
		q->to = (size_t)n;
	}
}

int gr_qmp_receive(struct gr_qmp *q, json_object **ret, json_object **ret_value)
{
	for (int i = 0; i < EVENTS_MAX; i++) {
		json_object *message = NULL;
		int r = receive(q, &message);

		if (r < 0)
			return r;
		r = gr_qmp_kind(message, ret_value);
		if (r < 0) {
			json_object_put(message);
			return gr_qmp_hostile(q, "what answers does not speak QMP");
		}
		if (r != GR_QMP_EVENT) {
			*ret = message;
			return r;
		}
		json_object_put(message);
	}
	return gr_qmp_hostile(q, "events come without end");
}

int gr_qmp_send(struct gr_qmp *q, const char *text)
{
	uint64_t end_ns = gr_now_ns() + ANSWER_NS;
	size_t len = strlen(text);

	while (len) {
		ssize_t n = send(q->fd, text, len, MSG_NOSIGNAL);
		int r;

		if (n >= 0) {
			text += n;
			len -= (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return failed(q, errno);
		r = wait_for(q, POLLOUT, end_ns);
		if (r < 0)
			return r;
	}
	return 0;
}

int gr_qmp_open(const char *path, pid_t pid, struct gr_qmp *ret, struct gr_error *err)
{
	int r;

	*ret = (struct gr_qmp){
		.fd = -1,
		.path = path,
		.end_ns = gr_now_ns() + TOTAL_NS,
		.err = err,
	};
	if (gr_qmp_reader_init(&ret->reader) < 0)
		return gr_error_nomem(err);
	r = connect_to(ret, pid);
	if (r < 0)
		gr_qmp_close(ret);
	return r;
}

void gr_qmp_close(struct gr_qmp *q)
{
	gr_qmp_reader_done(&q->reader);
	gr_closep(&q->fd);
	q->fd = -1;
}
