/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who the VMM runs as. Everything that needs the user database is looked up before the fork.
 * Private to run/.
 */
#ifndef GR_RUN_USER_H
#define GR_RUN_USER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct gr_user {
	bool change; /* false: stay who we are */
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	int group_count;
	char *name, *home, *shell;
};

/** gr_user_find - @name, or SUDO_UID's user when we are root, or nobody else. */
int gr_user_find(const char *name, struct gr_user *ret, struct gr_error *err);

/** gr_user_become - for the child: groups, ids, every capability gone. Return: 0 or -errno. */
int gr_user_become(const struct gr_user *user);
void gr_user_done(struct gr_user *user);

#endif
