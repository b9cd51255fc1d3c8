// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The path of a backing file: who may go there, and is it huge pages at all? The path comes from
 * the message, or from the description of the VM.
 */
#include <inttypes.h>
#include <string.h>

#include "base/util.h"
#include "doctor/case.h"

/* The word of the message, or the i-th path that a piece names. Free with free(). */
static char *wanted_path(const struct gr_case *c, size_t i)
{
	if (c->match && c->match->word_count && c->match->words[0][0] == '/')
		return i ? NULL : strndup(c->match->words[0], c->match->word_lengths[0]);
	for (size_t k = 0; k < c->intent->ask_count; k++) {
		if (c->intent->asks[k].path && i-- == 0)
			return strdup(c->intent->asks[k].path);
	}
	return NULL;
}

static const struct gr_mount *mount_of_path(const struct gr_case *c, const char *path)
{
	return gr_mount_at(c->ev->host->mounts, c->ev->host->mount_count, path);
}

/* What has to be passed, the mount point first. */
static bool refuse(struct gr_case *c, const struct gr_mount *mount, const char *below)
{
	const struct gr_vm_user *user = &c->ev->user;
	_cleanup_free_ char *path = NULL;
	const struct gr_place *place;

	if (gr_asprintf(&path, "%s%s", mount->path, below) < 0)
		return false;
	place = gr_evidence_place(c->ev, path);
	if (!place || place->answer != GR_ANSWER_OK || gr_evidence_may(user, place, 1))
		return false;
	gr_diagnose(c->found, *below ? "GR137" : "GR136", GR_ERROR,
		    "the user that QEMU runs as, %s, may not enter %s", user->name, path);
	gr_diagnose_evidence(c->found, "mode %04o, owner %u:%u; %s is %u:%u", place->mode & 07777,
			     place->uid, place->gid, user->name, user->uid, user->gid);
	if (*below)
		gr_diagnose_remedy(c->found,
				   "chmod a+x %s/libvirt %s/libvirt/qemu; libvirt made them under "
				   "a strict umask",
				   mount->path, mount->path);
	else
		gr_diagnose_remedy(c->found,
				   "mount it with gid=%u,mode=1770 (or mode=1777), restart the "
				   "daemon; or <source type='memfd'/>",
				   user->gid);
	return true;
}

/* Does libvirt put a piece there (NULL: on any mount)? */
static bool uses_mount(const struct gr_case *c, const struct gr_mount *mount)
{
	for (size_t i = 0; i < c->intent->ask_count; i++) {
		const struct gr_ask *ask = &c->intent->asks[i];

		if (ask->by_libvirt && ask->pages &&
		    (!mount || mount->page_size_bytes == ask->page_size_bytes))
			return true;
	}
	return false;
}

enum gr_verdict gr_cause_mount_mode(struct gr_case *c)
{
	static const char *const below[] = { "", "/libvirt", "/libvirt/qemu" };
	enum gr_verdict verdict = GR_EXCLUDED;
	_cleanup_free_ char *path = wanted_path(c, 0);
	const struct gr_mount *mount = path ? mount_of_path(c, path) : NULL;

	if (!c->line && !uses_mount(c, NULL))
		return GR_EXCLUDED;
	if (!c->ev->user.known)
		return c->line ? gr_unsure(c, "owner and mode of the mount keep QEMU out",
					   "the user that QEMU runs as (user= in "
					   "/etc/libvirt/qemu.conf)") :
				 GR_EXCLUDED;
	for (size_t i = 0; i < c->ev->host->mount_count; i++) {
		if (mount ? mount != &c->ev->host->mounts[i] :
			    c->intent->known && !uses_mount(c, &c->ev->host->mounts[i]))
			continue;
		/* Libvirt lets everybody pass the mount itself (0711) before each start. */
		for (size_t k = c->line ? 0 : 1; k < GR_ARRAY_SIZE(below); k++) {
			if (refuse(c, &c->ev->host->mounts[i], below[k])) {
				verdict = GR_CONFIRMED;
				break;
			}
		}
	}
	return verdict;
}

enum gr_verdict gr_cause_label(struct gr_case *c)
{
	if (!c->line || (!c->ev->selinux && !c->ev->apparmor))
		return GR_EXCLUDED;
	return gr_unsure(c,
			 c->ev->selinux ? "an SELinux label other than hugetlbfs_t on the mount" :
					  "an AppArmor profile that lacks the path",
			 c->ev->selinux ?
				 "AVC lines in the audit log whose name= is that path" :
				 "lines with apparmor=\"DENIED\" and that path in the kernel "
				 "log");
}

enum gr_verdict gr_cause_not_hugetlbfs(struct gr_case *c)
{
	_cleanup_free_ char *path = wanted_path(c, 0);
	const struct gr_mount *at = path ? mount_of_path(c, path) : NULL;

	if (!path || at)
		return GR_EXCLUDED;
	if (!gr_root_exists(c->ev->root, path + 1))
		return GR_EXCLUDED;
	gr_diagnose(c->found, "GR139", GR_ERROR, "%s is not a hugetlbfs%s", path,
		    c->ev->host->mount_count ? "" : ", and none is mounted");
	for (size_t i = 0; i < c->ev->host->mount_count && i < 4; i++) {
		char size[GR_TEXT_MAX];

		gr_diagnose_evidence(c->found, "one is mounted at %s (pages of %s)",
				     c->ev->host->mounts[i].path,
				     gr_size_text(c->ev->host->mounts[i].page_size_bytes, size));
	}
	if (c->ev->host->mount_count)
		gr_diagnose_remedy(c->found, "use %s, or memfd, which needs no mount",
				   c->ev->host->mounts[0].path);
	else
		gr_diagnose_remedy(c->found,
				   "mount -t hugetlbfs hugetlbfs %s, or memfd, which needs no "
				   "mount",
				   path);
	return GR_CONFIRMED;
}

enum gr_verdict gr_cause_no_path(struct gr_case *c)
{
	_cleanup_free_ char *path = wanted_path(c, 0), *dir = path ? strdup(path) : NULL;
	char *slash = dir ? strrchr(dir, '/') : NULL;

	if (!slash || slash == dir || gr_root_exists(c->ev->root, path + 1))
		return GR_EXCLUDED;
	*slash = '\0';
	/* A file that QEMU makes itself may be absent, its directory may not. */
	if (gr_root_exists(c->ev->root, dir + 1) && !(c->line && strstr(c->line, "No such file")))
		return GR_EXCLUDED;
	if (!gr_root_is_host(c->ev->root) && mount_of_path(c, path))
		return gr_unsure(c, "a path that is not there",
				 "the host itself: this is a capture");
	gr_diagnose(c->found, "GR140", GR_ERROR, "%s does not exist", path);
	gr_diagnose_evidence(c->found, "%zu hugetlbfs mounts are seen from here",
			     c->ev->host->mount_count);
	gr_diagnose_remedy(c->found, "mount a hugetlbfs there, or name one that is%s%s",
			   c->ev->host->mount_count ? ": " : "",
			   c->ev->host->mount_count ? c->ev->host->mounts[0].path : "");
	return GR_CONFIRMED;
}

/* A path that looks like huge pages and is on another file system: nothing fails, nothing is huge.
 */
enum gr_verdict gr_cause_ordinary_pages(struct gr_case *c)
{
	enum gr_verdict verdict = GR_EXCLUDED;

	for (size_t i = 0; i < c->intent->ask_count; i++) {
		const struct gr_ask *ask = &c->intent->asks[i];
		char bytes[GR_TEXT_MAX];

		if (ask->kind != GR_ASK_FILE || !ask->path || !strstr(ask->path, "huge") ||
		    mount_of_path(c, ask->path))
			continue;
		gr_diagnose(c->found, "GR141", GR_WARNING,
			    "%s lies on no hugetlbfs: %s (%s) gets ordinary pages", ask->path,
			    ask->what, gr_size_text(ask->bytes, bytes));
		gr_diagnose_evidence(c->found,
				     "no hugetlbfs mount holds that path; newer versions of "
				     "QEMU do not warn");
		gr_diagnose_remedy(c->found,
				   "mount -t hugetlbfs hugetlbfs %s, then look after the start: "
				   "guestram inspect PID",
				   ask->path);
		verdict = GR_CONFIRMED;
	}
	return verdict;
}
