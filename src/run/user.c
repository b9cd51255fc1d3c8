// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Under sudo the VMM becomes the invoking user again: only the reservation needs root. Groups are
 * set in full (a GPU, /dev/kvm), ids for good, capabilities cleared. The bounding set is kept: a
 * set-uid helper such as qemu-bridge-helper may still do its work.
 */
#include "run/user.h"

#include <cap-ng.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"

#define GROUPS_MAX 1024

static const struct passwd *find_passwd(const char *name, struct gr_error *err)
{
	const char *sudo = getenv("SUDO_UID");
	const struct passwd *entry;
	uint64_t uid;

	errno = 0;
	if (name) {
		entry = getpwnam(name);
	} else {
		if (gr_parse_u64(sudo, &uid) < 0 || uid > UINT32_MAX - 1) {
			gr_error_set(err, GR_CLASS_USAGE, EINVAL, "SUDO_UID is '%.32s', not a user id",
				     sudo);
			return NULL;
		}
		entry = getpwuid((uid_t)uid);
	}
	if (!entry) {
		gr_error_set(err, GR_CLASS_USAGE, errno ? errno : ENOENT, "there is no user '%.64s'",
			     name ? name : sudo);
		gr_error_hint(err, "--user names the user the VMM is to run as");
	}
	return entry;
}

int gr_user_find(const char *name, struct gr_user *ret, struct gr_error *err)
{
	const struct passwd *entry;
	struct gr_user user = { .change = true, .group_count = GROUPS_MAX };

	if (!name && (geteuid() != 0 || !getenv("SUDO_UID"))) {
		*ret = (struct gr_user){ 0 };
		return 0;
	}
	entry = find_passwd(name, err);
	if (!entry)
		return err ? -err->errnum : -ENOENT;
	if (geteuid() != 0 && entry->pw_uid != geteuid())
		return gr_error_set(err, GR_CLASS_HOST, EPERM, "only root can run a VMM as user %s",
				    entry->pw_name);
	user.uid = entry->pw_uid;
	user.gid = entry->pw_gid;
	user.name = strdup(entry->pw_name);
	user.home = strdup(entry->pw_dir);
	user.shell = strdup(entry->pw_shell);
	user.groups = calloc(GROUPS_MAX, sizeof(*user.groups));
	if (!user.name || !user.home || !user.shell || !user.groups) {
		gr_user_done(&user);
		return gr_error_nomem(err);
	}
	if (getgrouplist(user.name, user.gid, user.groups, &user.group_count) < 0) {
		gr_user_done(&user);
		return gr_error_set(err, GR_CLASS_SYSTEM, ERANGE, "user %s is in over %d groups",
				    entry->pw_name, GROUPS_MAX);
	}
	*ret = user;
	return 0;
}

int gr_user_become(const struct gr_user *user)
{
	if (!user->change)
		return 0;
	if (geteuid() == 0) {
		if (setgroups((size_t)user->group_count, user->groups) < 0 ||
		    setresgid(user->gid, user->gid, user->gid) < 0 ||
		    setresuid(user->uid, user->uid, user->uid) < 0)
			return -errno;
	}
	/* The kernel dropped them with the uid, unless that was 0 or securebits say otherwise. */
	capng_clear(CAPNG_SELECT_CAPS);
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		return -EPERM;
	if (setenv("HOME", user->home, 1) < 0 || setenv("USER", user->name, 1) < 0 ||
	    setenv("LOGNAME", user->name, 1) < 0 || setenv("SHELL", user->shell, 1) < 0)
		return -errno;
	return 0;
}

void gr_user_done(struct gr_user *user)
{
	free(user->groups);
	free(user->name);
	free(user->home);
	free(user->shell);
	*user = (struct gr_user){ 0 };
}
