// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Libvirt looks for a hugetlbfs mount of the page size, in the mount table as its daemon saw it at
 * its start. It makes MOUNT/libvirt/qemu in each that it finds: a mount without that directory is
 * one that the running daemon does not know.
 */
#include <inttypes.h>
#include <string.h>

#include "base/util.h"
#include "doctor/case.h"

/* The page size in question: the one in the message, or the one that a piece asks libvirt for. */
static uint64_t wanted_size(const struct gr_case *c, size_t i)
{
	uint64_t bytes;

	if (c->row && !strcmp(c->row, "E06") && c->match->number_count) {
		if (i || __builtin_mul_overflow(c->match->numbers[0], GR_KIB, &bytes))
			return 0;
		return bytes;
	}
	for (size_t k = 0; k < c->intent->ask_count; k++) {
		const struct gr_ask *ask = &c->intent->asks[k];

		if (ask->pages && (ask->by_libvirt || (c->line && ask->kind == GR_ASK_FILE)) &&
		    i-- == 0)
			return ask->page_size_bytes;
	}
	/* "hugetlbfs is not mounted": whichever size, the default one is meant first. */
	return c->line && !c->intent->known && i == 0 ? c->ev->host->default_page_size_bytes : 0;
}

static const struct gr_mount *mount_for(const struct gr_case *c, uint64_t size)
{
	return gr_mount_of_size(c->ev->host->mounts, c->ev->host->mount_count, size);
}

static void list_sizes(struct gr_case *c)
{
	char list[256] = "", size[GR_TEXT_MAX];
	size_t len = 0;

	for (size_t i = 0; i < c->ev->host->page_size_count && len < sizeof(list); i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", i ? ", " : "",
					gr_size_text(c->ev->host->page_sizes[i], size));
	gr_diagnose_evidence(c->found, "this host has pages of %s", len ? list : "no huge size");
}

/* Is that page size one of this kernel? Asked of pieces, too: a GUI once wrote the VM's memory. */
enum gr_verdict gr_cause_page_size(struct gr_case *c)
{
	enum gr_verdict verdict = GR_EXCLUDED;
	uint64_t done = 0, size;

	for (size_t i = 0; i <= c->intent->ask_count; i++) {
		char text[GR_TEXT_MAX], arg[GR_TEXT_MAX];

		size = i < c->intent->ask_count ? c->intent->asks[i].page_size_bytes :
						  wanted_size(c, 0);
		if (!size || size == done || gr_host_has_page_size(c->ev->host, size))
			continue;
		done = size;
		gr_diagnose(c->found, "GR133", GR_ERROR, "%s is not a page size of this host",
			    gr_size_text(size, text));
		list_sizes(c);
		if (size == gr_intent_bytes(c->intent))
			gr_diagnose_evidence(c->found,
					     "it is the VM's memory: written into the wrong "
					     "place");
		if (c->ev->host->default_page_size_bytes)
			gr_diagnose_remedy(c->found, "ask for pages of %s, or leave the size out",
					   gr_size_arg(c->ev->host->default_page_size_bytes, arg));
		verdict = GR_CONFIRMED;
	}
	return verdict;
}

static void say_unit(struct gr_case *c, uint64_t size)
{
	char arg[GR_TEXT_MAX];

	gr_size_arg(size, arg);
	gr_diagnose_remedy(
		c->found,
		"a unit dev-hugepages%s.mount with [Mount] What=hugetlbfs Where=/dev/hugepages%s "
		"Type=hugetlbfs Options=pagesize=%s, systemctl enable --now it, then systemctl "
		"restart "
		"%s; or <source type='memfd'/> in the domain, which needs no mount",
		arg, arg, arg, c->ev->daemon.pid ? c->ev->daemon.name : "libvirtd (virtqemud)");
}

enum gr_verdict gr_cause_no_mount(struct gr_case *c)
{
	enum gr_verdict verdict = GR_EXCLUDED;
	uint64_t size;

	for (size_t i = 0; (size = wanted_size(c, i)); i++) {
		const struct gr_pool *pool = gr_host_pool(c->ev->host, size, -1);
		char text[GR_TEXT_MAX], other[GR_TEXT_MAX];

		if (!gr_host_has_page_size(c->ev->host, size) || mount_for(c, size))
			continue;
		gr_diagnose(c->found, "GR130", GR_ERROR, "no hugetlbfs is mounted for pages of %s",
			    gr_size_text(size, text));
		for (size_t k = 0; k < c->ev->host->mount_count && k < 4; k++) {
			const struct gr_mount *mount = &c->ev->host->mounts[k];

			gr_diagnose_evidence(c->found, "%s has pages of %s%s", mount->path,
					     gr_size_text(mount->page_size_bytes, other),
					     mount->has_pagesize_option ?
						     "" :
						     ", the default size (no pagesize=)");
		}
		if (!c->ev->host->mount_count)
			gr_diagnose_evidence(c->found, "there is no hugetlbfs mount at all");
		if (pool && pool->answer == GR_ANSWER_OK)
			gr_diagnose_evidence(c->found,
					     "pages are not the matter: %" PRIu64
					     " of that size are free; "
					     "pools of several sizes can stand side by side",
					     pool->free);
		say_unit(c, size);
		verdict = GR_CONFIRMED;
	}
	return verdict;
}

/* Did the daemon see that mount at its start? By what it makes there, else by the times. */
static bool knows_mount(const struct gr_case *c, const struct gr_mount *mount, bool *ret_unknown)
{
	_cleanup_free_ char *below = NULL;
	const struct gr_place *top = gr_evidence_place(c->ev, mount->path), *made;

	*ret_unknown = true;
	if (!top || top->answer != GR_ANSWER_OK ||
	    gr_asprintf(&below, "%s/libvirt/qemu", mount->path) < 0)
		return false;
	made = gr_evidence_place(c->ev, below);
	*ret_unknown = !made || made->answer == GR_ANSWER_FORBIDDEN;
	return made && made->answer == GR_ANSWER_OK;
}

enum gr_verdict gr_cause_mounted_late(struct gr_case *c)
{
	const struct gr_daemon *daemon = &c->ev->daemon;
	enum gr_verdict verdict = GR_EXCLUDED;
	uint64_t size;

	for (size_t i = 0; (size = wanted_size(c, i)); i++) {
		const struct gr_mount *mount = mount_for(c, size);
		const struct gr_place *place;
		bool unknown;

		if (!mount)
			continue;
		if (!daemon->pid)
			return c->line ? gr_unsure(c,
						   "hugetlbfs was mounted after the daemon started",
						   "start time of libvirtd or virtqemud: none runs "
						   "now") :
					 GR_EXCLUDED;
		if (knows_mount(c, mount, &unknown))
			continue;
		place = gr_evidence_place(c->ev, mount->path);
		if (unknown && !(place && place->born_ns && daemon->start_ns)) {
			gr_unsure(c, "hugetlbfs was mounted after the daemon started",
				  "whether MOUNT/libvirt/qemu exists (as root)");
			continue;
		}
		if (unknown && place->born_ns <= daemon->start_ns)
			continue;
		gr_diagnose(
			c->found, "GR131", GR_ERROR,
			"%s (pid %d) started before %s was mounted, and reads mounts at its start "
			"only",
			daemon->name, (int)daemon->pid, mount->path);
		gr_diagnose_evidence(c->found,
				     unknown ? "the mount is younger than the daemon (%s)" :
					       "%s/libvirt/qemu, which the daemon makes where it "
					       "finds a mount, is "
					       "not there",
				     mount->path);
		gr_diagnose_remedy(c->found, "systemctl restart %s (VMs run on)", daemon->name);
		verdict = GR_CONFIRMED;
	}
	return verdict;
}

enum gr_verdict gr_cause_disabled(struct gr_case *c)
{
	const struct gr_qemu_conf *conf = &c->ev->conf;
	uint64_t size;

	if (conf->answer == GR_ANSWER_FORBIDDEN || conf->answer == GR_ANSWER_MALFORMED)
		return gr_unsure(c, "hugetlbfs_mount of qemu.conf leaves the mount out",
				 conf->answer == GR_ANSWER_FORBIDDEN ?
					 "/etc/libvirt/qemu.conf, which needs root" :
					 "/etc/libvirt/qemu.conf, which is malformed");
	if (conf->answer != GR_ANSWER_OK || !conf->has_mounts)
		return GR_EXCLUDED;
	if (!conf->mount_count) {
		if (!c->line && !wanted_size(c, 0))
			return GR_EXCLUDED;
		gr_diagnose(c->found, "GR132", GR_ERROR,
			    "huge pages are switched off in qemu.conf");
		gr_diagnose_evidence(c->found, "hugetlbfs_mount = \"\" in /etc/libvirt/qemu.conf");
		gr_diagnose_remedy(c->found, "remove that line, then restart the daemon");
		return GR_CONFIRMED;
	}
	for (size_t i = 0; (size = wanted_size(c, i)); i++) {
		const struct gr_mount *mount = mount_for(c, size);
		bool listed = false;

		for (size_t k = 0; k < conf->mount_count && mount; k++) {
			const struct gr_mount *at = gr_mount_at(
				c->ev->host->mounts, c->ev->host->mount_count, conf->mounts[k]);

			listed |= at && at->page_size_bytes == size;
		}
		if (!mount || listed)
			continue;
		gr_diagnose(c->found, "GR132", GR_ERROR,
			    "the list in qemu.conf leaves out %s, where the pages are",
			    mount->path);
		gr_diagnose_evidence(c->found,
				     "hugetlbfs_mount has %zu path%s, none with that page size",
				     conf->mount_count, gr_plural(conf->mount_count));
		gr_diagnose_remedy(c->found,
				   "add \"%s\" to hugetlbfs_mount in /etc/libvirt/qemu.conf, "
				   "then restart the daemon",
				   mount->path);
		return GR_CONFIRMED;
	}
	return GR_EXCLUDED;
}

enum gr_verdict gr_cause_namespace(struct gr_case *c)
{
	const struct gr_daemon *daemon = &c->ev->daemon;
	uint64_t size;

	if (!daemon->pid)
		return GR_EXCLUDED;
	if (daemon->mounts_answer != GR_ANSWER_OK)
		return gr_unsure(c, "a mount namespace of the daemon's own that lacks the mount",
				 "/proc/PID/mountinfo of the daemon, which needs root");
	for (size_t i = 0; (size = wanted_size(c, i)); i++) {
		const struct gr_mount *mount = mount_for(c, size);

		if (!mount || gr_mount_of_size(daemon->mounts, daemon->mount_count, size))
			continue;
		gr_diagnose(c->found, "GR135", GR_ERROR,
			    "%s (pid %d) has a mount namespace of its own, which lacks %s",
			    daemon->name, (int)daemon->pid, mount->path);
		gr_diagnose_evidence(
			c->found, "/proc/%d/mountinfo has %zu hugetlbfs mounts, ours has %zu",
			(int)daemon->pid, daemon->mount_count, c->ev->host->mount_count);
		gr_diagnose_remedy(c->found,
				   "mount it inside (nsenter -t %d -m mount ...), or take "
				   "PrivateMounts out of the unit, then restart it",
				   (int)daemon->pid);
		return GR_CONFIRMED;
	}
	return GR_EXCLUDED;
}

enum gr_verdict gr_cause_mount_quota(struct gr_case *c)
{
	enum gr_verdict verdict = GR_EXCLUDED;

	for (size_t i = 0; i < c->intent->ask_count && !c->intent->pid; i++) {
		const struct gr_ask *ask = &c->intent->asks[i];
		const struct gr_mount *mount = NULL;
		char limit[GR_TEXT_MAX], want[GR_TEXT_MAX];

		if (ask->kind != GR_ASK_FILE || !ask->pages)
			continue;
		if (ask->path)
			mount = gr_mount_at(c->ev->host->mounts, c->ev->host->mount_count,
					    ask->path);
		if (!mount)
			mount = mount_for(c, ask->page_size_bytes);
		if (!mount || !mount->size_bytes.known || mount->size_bytes.value >= ask->bytes)
			continue;
		gr_diagnose(c->found, "GR111", GR_ERROR, "the mount %s is limited to %s",
			    mount->path, gr_size_text(mount->size_bytes.value, limit));
		gr_diagnose_evidence(c->found, "mounted with size=, %s needs %s", ask->what,
				     gr_size_text(ask->bytes, want));
		gr_diagnose_remedy(c->found,
				   "mount -o remount,size=%" PRIu64 " %s, or without size=",
				   ask->bytes, mount->path);
		verdict = GR_CONFIRMED;
	}
	return verdict;
}
