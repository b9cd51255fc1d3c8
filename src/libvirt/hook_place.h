/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Our hook among libvirt's: /etc/libvirt/hooks/qemu.d/guestram, a copy (AppArmor lets the daemon
 * run nothing outside that directory, so no link). libvirt looks for hooks once, when its daemon
 * starts: if it found none then, it calls none until it is started again.
 */
#ifndef GR_LIBVIRT_HOOK_PLACE_H
#define GR_LIBVIRT_HOOK_PLACE_H

#include "base/root.h"

#define GR_HOOKS_DIR "etc/libvirt/hooks"
#define GR_HOOK_PATH GR_HOOKS_DIR "/qemu.d/guestram"
#define GR_HOOK_DIR_SINCE 6005000 /* libvirt that runs what is in qemu.d */

enum gr_hook_state { GR_HOOK_ABSENT, GR_HOOK_OTHER, GR_HOOK_SAME, GR_HOOK_STATE_COUNT };

/** gr_hook_state - is the file there, and is it @wanted, byte for byte? */
int gr_hook_state(const struct gr_root *root, const char *wanted, size_t len,
		  enum gr_hook_state *ret, struct gr_error *err);

/** gr_hook_install - write it anew, whole or not at all, 0755. Return: 0 or -errno. */
int gr_hook_install(const struct gr_root *root, const char *bytes, size_t len,
		    struct gr_error *err);

/** gr_hook_remove - Return: 1 removed, 0 it was not there, -errno. */
int gr_hook_remove(const struct gr_root *root, struct gr_error *err);

enum gr_restart { GR_RESTART_NO, GR_RESTART_NEEDED, GR_RESTART_UNKNOWN, GR_RESTART_COUNT };

/**
 * gr_hook_restart - does the running daemon call hooks at all?
 *
 * NEEDED: no hook of QEMU that is there now is older than the daemon. UNKNOWN: no daemon is found.
 * Times are compared by the second, and a tie counts as needed.
 */
enum gr_restart gr_hook_restart(const struct gr_root *root);

#endif
