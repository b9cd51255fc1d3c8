// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Directories on the way to the pages, with owner and mode; and who has to get through: the user
 * that libvirt starts QEMU as, from qemu.conf or the name that distributions use, with its numbers
 * from /etc/passwd and /etc/group.
 */
#include <string.h>

#include "base/util.h"
#include "doctor/evidence.h"
#include "host/read.h"

static uint64_t time_ns(const struct timespec *t)
{
	return t->tv_sec < 0 ? 0 : (uint64_t)t->tv_sec * 1000000000 + (uint64_t)t->tv_nsec;
}

static int add_place(struct gr_evidence *ev, const char *path)
{
	struct gr_place *place;
	struct stat st;
	int r;

	if (gr_evidence_place(ev, path))
		return 0;
	if (gr_grow(&ev->places, ev->place_count, sizeof(*ev->places)) < 0)
		return -ENOMEM;
	place = &ev->places[ev->place_count];
	place->path = strdup(path);
	if (!place->path)
		return -ENOMEM;
	ev->place_count++;
	r = gr_root_stat(ev->root, path, &st);
	place->answer = gr_answer_of(r);
	if (r < 0)
		return 0;
	place->mode = st.st_mode;
	place->uid = st.st_uid;
	place->gid = st.st_gid;
	place->born_ns = gr_min_u64(time_ns(&st.st_atim),
				    gr_min_u64(time_ns(&st.st_mtim), time_ns(&st.st_ctim)));
	return 0;
}

const struct gr_place *gr_evidence_place(const struct gr_evidence *ev, const char *path)
{
	for (size_t i = 0; i < ev->place_count; i++) {
		if (!strcmp(ev->places[i].path, path))
			return &ev->places[i];
	}
	return NULL;
}

int gr_evidence_places(struct gr_evidence *ev, const struct gr_intent *intent)
{
	static const char *const below[] = { "", "/libvirt", "/libvirt/qemu" };
	int r = 0;

	for (size_t i = 0; i < ev->host->mount_count; i++) {
		for (size_t k = 0; k < GR_ARRAY_SIZE(below) && r >= 0; k++) {
			_cleanup_free_ char *path = NULL;

			r = gr_asprintf(&path, "%s%s", ev->host->mounts[i].path, below[k]);
			if (r >= 0)
				r = add_place(ev, path);
		}
	}
	for (size_t i = 0; i < intent->ask_count && r >= 0; i++) {
		if (intent->asks[i].path)
			r = add_place(ev, intent->asks[i].path);
	}
	return r;
}

bool gr_evidence_may(const struct gr_vm_user *user, const struct gr_place *place, unsigned int want)
{
	unsigned int mode = place->mode & 0777;

	if (user->uid == 0)
		return true;
	if (user->uid == place->uid)
		return (mode >> 6 & want) == want;
	if (user->gid == place->gid || gr_list_has(&user->groups, place->gid))
		return (mode >> 3 & want) == want;
	return (mode & want) == want;
}

/* A field of "name:x:64055:108:..." of the line that begins with @name. Return: 0 or -ENOENT. */
static int field_of(const char *text, const char *name, unsigned int field, uint64_t *ret)
{
	size_t len = strlen(name);

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *at = line;
		char digits[16];

		if (strncmp(line, name, len) != 0 || line[len] != ':')
			continue;
		for (unsigned int i = 0; i < field && *at; i++) {
			at += strcspn(at, ":\n");
			at += *at == ':';
		}
		snprintf(digits, sizeof(digits), "%.*s",
			 (int)gr_min_u64(strcspn(at, ":\n"), sizeof(digits) - 1), at);
		return gr_parse_u64(digits, ret) < 0 ? -ENOENT : 0;
	}
	return -ENOENT;
}

/* "kvm:x:104:libvirt-qemu,alice": the groups that name the user. */
static int read_groups(struct gr_vm_user *user, const char *text)
{
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		_cleanup_free_ char *copy = strndup(line, strcspn(line, "\n"));
		char *fields[4] = { 0 }, *cursor = copy;
		uint64_t gid;

		if (!copy)
			return -ENOMEM;
		for (size_t i = 0; i < GR_ARRAY_SIZE(fields); i++)
			fields[i] = strsep(&cursor, ":");
		if (!fields[3] || !gr_mount_option(fields[3], user->name, NULL, 0) ||
		    gr_parse_u64(fields[2], &gid) < 0 || gid > GR_LIST_ID_MAX)
			continue;
		if (gr_list_add(&user->groups, (unsigned int)gid) == -ENOMEM)
			return -ENOMEM;
	}
	return 0;
}

static int take_user(struct gr_evidence *ev, const char *passwd, const char *name)
{
	struct gr_vm_user *user = &ev->user;
	uint64_t uid, gid;

	/* "+107" and "107" are numbers. */
	if (field_of(passwd, name, 2, &uid) < 0 || field_of(passwd, name, 3, &gid) < 0) {
		if (gr_parse_u64(name + (*name == '+'), &uid) < 0)
			return 0;
		gid = uid;
	}
	free(user->name);
	user->name = strdup(name);
	if (!user->name)
		return -ENOMEM;
	user->uid = (uid_t)uid;
	user->gid = (gid_t)gid;
	user->known = uid <= UINT32_MAX && gid <= UINT32_MAX;
	return 0;
}

int gr_evidence_user(struct gr_evidence *ev)
{
	static const char *const usual[] = { "libvirt-qemu", "qemu" };
	_cleanup_free_ char *passwd = NULL, *group = NULL;
	uint64_t gid;
	int r;

	if (gr_root_read(ev->root, "etc/passwd", &passwd, NULL, NULL) < 0)
		return 0;
	if (ev->conf.user && *ev->conf.user)
		r = take_user(ev, passwd, ev->conf.user);
	else
		r = take_user(ev, passwd, usual[0]);
	if (r >= 0 && !ev->user.known && !(ev->conf.user && *ev->conf.user))
		r = take_user(ev, passwd, usual[1]);
	if (r < 0 || !ev->user.known || gr_root_read(ev->root, "etc/group", &group, NULL, NULL) < 0)
		return r;
	if (ev->conf.group && field_of(group, ev->conf.group, 2, &gid) >= 0)
		ev->user.gid = (gid_t)gid;
	return read_groups(&ev->user, group);
}
