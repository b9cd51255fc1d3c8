// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The history: a file that only grows, one write() a line, and that is renamed to history.1 when it
 * is full, so that it never takes more than twice its limit. Writers hold the file's own flock() for
 * that moment: two of them must not both rename it. The ledger's lock is not needed, since a refusal
 * to wait for that one is an event too.
 */
#include "lease/history.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json_tokener.h>

#include "base/record.h"
#include "base/util.h"

#define TRIES_MAX 3
#define LINE_MAX_BYTES 4096

static json_object *event_record(const struct gr_event *event)
{
	json_object *doc = json_object_new_object(), *grants;

	gr_rec_int(doc, "time", time(NULL));
	gr_rec_str(doc, "name", event->name);
	gr_rec_str(doc, "action", event->action);
	gr_rec_str(doc, "outcome", event->outcome);
	gr_rec_u64_known(doc, "elapsed_ns", event->elapsed_ns, event->elapsed_ns);
	grants = gr_rec_array(doc, "grants");
	for (size_t i = 0; i < event->grant_count; i++) {
		json_object *item = gr_rec_item(grants);

		gr_rec_u64_known(item, "node", event->grants[i].node >= 0,
				 (uint64_t)event->grants[i].node);
		gr_rec_u64(item, "page_size_bytes", event->grants[i].page_size_bytes);
		gr_rec_u64(item, "pages", event->grants[i].pages);
	}
	gr_rec_str(doc, "message", event->message);
	return doc;
}

/* The file, locked, with room for one more line. */
static int open_history(int dir_fd)
{
	for (int i = 0; i < TRIES_MAX; i++) {
		_cleanup_close_ int fd = openat(dir_fd, "history",
						O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
						0600);
		struct stat ours, there;

		if (fd < 0 || flock(fd, LOCK_EX) < 0 || fstat(fd, &ours) < 0)
			return -errno;
		/* Somebody renamed it while we waited: the next try opens the new one. */
		if (fstatat(dir_fd, "history", &there, AT_SYMLINK_NOFOLLOW) < 0 ||
		    there.st_ino != ours.st_ino)
			continue;
		if (ours.st_size < GR_HISTORY_MAX_BYTES)
			return gr_steal_fd(&fd);
		if (renameat(dir_fd, "history", dir_fd, "history.1") < 0)
			return -errno;
	}
	return -EBUSY;
}

int gr_history_add(const struct gr_root *root, const struct gr_event *event)
{
	_cleanup_close_ int dir_fd = gr_root_open_fd(root, "run/guestram",
						     O_RDONLY | O_DIRECTORY, 0, NULL);
	_cleanup_close_ int fd = -1;
	json_object *doc;
	const char *text;
	char line[LINE_MAX_BYTES];
	int n, r = 0;

	if (dir_fd < 0)
		return dir_fd;
	fd = open_history(dir_fd);
	if (fd < 0)
		return fd;
	doc = event_record(event);
	text = json_object_to_json_string_ext(doc, JSON_C_TO_STRING_PLAIN |
						   JSON_C_TO_STRING_NOSLASHESCAPE);
	n = text ? snprintf(line, sizeof(line), "%s\n", text) : -1;
	json_object_put(doc);
	if (n < 0 || (size_t)n >= sizeof(line))
		return n < 0 ? -ENOMEM : -E2BIG;
	if (write(fd, line, (size_t)n) != n)
		r = errno ? -errno : -EIO;
	return r;
}

static bool is_event(json_object *event, const char *name)
{
	json_object *own = json_object_object_get(event, "name");

	return json_object_is_type(event, json_type_object) &&
	       json_object_is_type(json_object_object_get(event, "time"), json_type_int) &&
	       json_object_is_type(own, json_type_string) &&
	       (!name || !strcmp(json_object_get_string(own), name));
}

static int read_file(const struct gr_root *root, const char *path, const char *name,
		     json_object *array, struct gr_error *err)
{
	_cleanup_free_ char *text = NULL;
	char *cursor, *line;
	int r = gr_root_read(root, path, &text, NULL, err);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	cursor = text;
	while ((line = gr_next_line(&cursor))) {
		json_object *event = json_tokener_parse(line);

		if (!is_event(event, name) || json_object_array_add(array, event) < 0)
			json_object_put(event);
	}
	return 0;
}

int gr_history_read(const struct gr_root *root, const char *name, json_object **ret,
		    struct gr_error *err)
{
	json_object *array = json_object_new_array();
	int r;

	if (!array)
		return gr_error_nomem(err);
	r = read_file(root, GR_HISTORY_PATH ".1", name, array, err);
	if (r >= 0)
		r = read_file(root, GR_HISTORY_PATH, name, array, err);
	if (r < 0)
		json_object_put(array);
	else
		*ret = array;
	return r;
}
