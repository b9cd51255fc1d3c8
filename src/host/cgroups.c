// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The cgroup limits that a VM started from here would run into. Version 1 and 2 may be mounted
 * side by side, each anywhere, and a container may see only a part of a hierarchy: so the mounts
 * come from mountinfo, the own path from /proc/self/cgroup, and every ancestor up to the top of
 * the mount is asked. "max" (or a v1 number too large to be meant) is no limit.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "host/read.h"

/* Version 1 writes "no limit" as LONG_MAX rounded down to a page, of up to 16 GiB. */
#define V1_UNLIMITED (UINT64_C(1) << 62)

struct hierarchy {
	const char *controller;	 /* NULL: version 2 */
	const char *mount, *own; /* both without a slash at the end; own is "" at the top */
};

/* A cgroup outside of our cgroup namespace ("/../x") cannot be followed. */
static bool is_inside(const char *path)
{
	return *path == '/' && strcmp(path, "/..") != 0 && strncmp(path, "/../", 4) != 0;
}

int gr_cgroup_own(const char *text, const char *controller, char **ret)
{
	_cleanup_free_ char *copy = strdup(text);
	char *cursor = copy, *line;

	if (!copy)
		return -ENOMEM;
	while ((line = gr_next_line(&cursor))) {
		char *controllers = strchr(line, ':');
		char *path = controllers ? strchr(controllers + 1, ':') : NULL, *own;

		if (!path)
			continue;
		controllers++;
		*path++ = '\0';
		if (controller ? !gr_mount_option(controllers, controller, NULL, 0) : *controllers)
			continue;
		own = strdup(is_inside(path) ? path : "/");
		if (!own)
			return -ENOMEM;
		*ret = own;
		return 0;
	}
	return -ENOENT;
}

const char *gr_cgroup_below_mount(const char *cgroup, const char *mount_root)
{
	size_t len = strlen(mount_root);

	if (!strcmp(mount_root, "/"))
		return cgroup;
	if (!strncmp(cgroup, mount_root, len) && (cgroup[len] == '/' || !cgroup[len]))
		return cgroup[len] ? cgroup + len : "/";
	return "/";
}

/* Takes @limit's list over, whatever happens. */
static int add_limit(struct gr_host *host, const char *cgroup, const char *file,
		     const struct gr_cgroup_limit *limit)
{
	struct gr_cgroup_limit *entry;

	if (gr_grow(&host->limits, host->limit_count, sizeof(*host->limits)) < 0) {
		free(limit->list);
		return -ENOMEM;
	}
	entry = &host->limits[host->limit_count++];
	*entry = *limit;
	entry->cgroup = strdup(*cgroup ? cgroup : "/");
	entry->file = strdup(file);
	return entry->cgroup && entry->file ? 0 : -ENOMEM;
}

/* A limit in bytes of one cgroup; a file that is not there (root cgroup, no controller) is none. */
static int read_limit(const struct gr_root *root, struct gr_host *host, const struct hierarchy *h,
		      const char *cgroup, const char *file, const char *current)
{
	struct gr_cgroup_limit limit = { 0 };
	_cleanup_free_ char *text = NULL, *path = NULL, *current_path = NULL;
	int r;

	if (gr_asprintf(&path, "%s%s/%s", h->mount, cgroup, file) < 0 ||
	    gr_asprintf(&current_path, "%s%s/%s", h->mount, cgroup, current) < 0)
		return -ENOMEM;
	r = gr_root_read_line(root, path, &text, NULL);
	if (r >= 0 && !strcmp(text, "max"))
		return 0;
	if (r >= 0 && gr_parse_u64(text, &limit.limit_bytes) < 0)
		r = -EBADMSG;
	if (r == -ENOMEM || gr_answer_of(r) == GR_ANSWER_ABSENT)
		return r == -ENOMEM ? r : 0;
	if (r < 0)
		return gr_host_note_file(host, path, r);
	if (h->controller && limit.limit_bytes >= V1_UNLIMITED)
		return 0;
	limit.current_bytes.known =
		gr_root_read_u64(root, current_path, &limit.current_bytes.value, NULL) >= 0;
	return add_limit(host, cgroup, file, &limit);
}

/* "2MB", "1GB", "64KB": as the hugetlb controller names its files. */
static void controller_size(uint64_t bytes, char buf[GR_TEXT_MAX])
{
	if (bytes >= GR_GIB)
		snprintf(buf, GR_TEXT_MAX, "%lluGB", (unsigned long long)(bytes / GR_GIB));
	else if (bytes >= GR_MIB)
		snprintf(buf, GR_TEXT_MAX, "%lluMB", (unsigned long long)(bytes / GR_MIB));
	else
		snprintf(buf, GR_TEXT_MAX, "%lluKB", (unsigned long long)(bytes / GR_KIB));
}

static int read_hugetlb(const struct gr_root *root, struct gr_host *host, const struct hierarchy *h,
			const char *cgroup)
{
	static const char *const kinds[] = { "", "rsvd." };
	char size[GR_TEXT_MAX], file[96], current[96];
	int r = 0;

	for (size_t i = 0; i < host->page_size_count; i++) {
		controller_size(host->page_sizes[i], size);
		for (size_t k = 0; k < GR_ARRAY_SIZE(kinds) && r >= 0; k++) {
			snprintf(file, sizeof(file), "hugetlb.%s.%s%s", size, kinds[k],
				 h->controller ? "limit_in_bytes" : "max");
			snprintf(current, sizeof(current), "hugetlb.%s.%s%s", size, kinds[k],
				 h->controller ? "usage_in_bytes" : "current");
			r = read_limit(root, host, h, cgroup, file, current);
		}
	}
	return r;
}

static bool excludes_memory(const struct gr_host *host, const struct gr_list *nodes)
{
	for (size_t i = 0; i < host->node_count; i++) {
		const struct gr_node *node = &host->nodes[i];

		if (node->total_bytes && !gr_list_has(nodes, node->id))
			return true;
	}
	return false;
}

/* The effective nodes of the own cgroup already hold what all ancestors say. */
static int read_cpuset(const struct gr_root *root, struct gr_host *host, const struct hierarchy *h)
{
	const char *files[] = { h->controller ? "cpuset.effective_mems" : "cpuset.mems.effective",
				"cpuset.mems" };

	for (size_t i = 0; i < GR_ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *path = NULL, *text = NULL;
		_cleanup_list_ struct gr_list nodes = { 0 };
		struct gr_cgroup_limit limit = { .is_list = true };
		int r;

		if (gr_asprintf(&path, "%s%s/%s", h->mount, h->own, files[i]) < 0)
			return -ENOMEM;
		r = gr_root_read_line(root, path, &text, NULL);
		if (r >= 0)
			r = gr_list_parse(text, &nodes, NULL);
		if (r == -ENOMEM)
			return r;
		if (gr_answer_of(r) == GR_ANSWER_ABSENT)
			continue;
		if (r < 0)
			return gr_host_note_file(host, path,
						 r == -EACCES || r == -EPERM ? r : -EBADMSG);
		/* An empty list says nothing here: the parent's holds. */
		if (!nodes.count || !excludes_memory(host, &nodes))
			return 0;
		limit.list = gr_list_text(&nodes);
		if (!limit.list)
			return -ENOMEM;
		return add_limit(host, h->own, files[i], &limit);
	}
	return 0;
}

static bool has_controller(const struct hierarchy *h, const char *controller)
{
	return !h->controller || !strcmp(h->controller, controller);
}

/* From the own cgroup to the top of the mount. */
static int walk(const struct gr_root *root, struct gr_host *host, const struct hierarchy *h)
{
	_cleanup_free_ char *cgroup = strdup(h->own);
	int r = 0;

	if (!cgroup)
		return -ENOMEM;
	if (has_controller(h, "cpuset"))
		r = read_cpuset(root, host, h);
	while (r >= 0) {
		char *slash;

		if (has_controller(h, "memory"))
			r = read_limit(root, host, h, cgroup,
				       h->controller ? "memory.limit_in_bytes" : "memory.max",
				       h->controller ? "memory.usage_in_bytes" : "memory.current");
		if (r >= 0 && has_controller(h, "hugetlb"))
			r = read_hugetlb(root, host, h, cgroup);
		slash = strrchr(cgroup, '/');
		if (!slash)
			break;
		*slash = '\0';
	}
	return r;
}

/* One hierarchy at the place where it is mounted, if this process has a cgroup in it. */
static int read_hierarchy(const struct gr_root *root, struct gr_host *host, const char *cgroups,
			  const struct gr_mountinfo *mount, const char *controller)
{
	_cleanup_free_ char *own = NULL, *below = NULL;
	struct hierarchy h = { .controller = controller, .mount = mount->path + 1 };
	int r = gr_cgroup_own(cgroups, controller, &own);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	below = strdup(gr_cgroup_below_mount(own, mount->root));
	if (!below)
		return -ENOMEM;
	if (!strcmp(below, "/"))
		*below = '\0';
	h.own = below;
	if (!controller && gr_asprintf(&host->cgroup2, "%s%s", h.mount, h.own) < 0)
		return -ENOMEM;
	return walk(root, host, &h);
}

int gr_host_cgroup_limits(const struct gr_root *root, const char *cgroups, struct gr_host *host)
{
	static const char *const v1[] = { "memory", "hugetlb", "cpuset" };
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ struct gr_mountinfo *mounts = NULL;
	bool seen[GR_ARRAY_SIZE(v1) + 1] = { 0 };
	size_t count;
	int r = gr_root_read(root, "proc/self/mountinfo", &text, NULL, NULL);

	if (r < 0)
		return r == -ENOMEM ? r : gr_host_note_file(host, "proc/self/mountinfo", r);
	r = gr_mountinfo_parse(text, &mounts, &count);
	if (r < 0)
		return r;
	/* A hierarchy may be mounted more than once: the first place will do. */
	for (size_t i = 0; i < count; i++) {
		const struct gr_mountinfo *mount = &mounts[i];
		bool v2 = !strcmp(mount->type, "cgroup2");

		if ((!v2 && strcmp(mount->type, "cgroup") != 0) || mount->path[0] != '/' ||
		    !gr_mountinfo_visible(mounts, count, i))
			continue;
		for (size_t c = 0; c < GR_ARRAY_SIZE(seen); c++) {
			const char *controller = c < GR_ARRAY_SIZE(v1) ? v1[c] : NULL;

			if (seen[c] || v2 != !controller ||
			    (controller &&
			     !gr_mount_option(mount->super_options, controller, NULL, 0)))
				continue;
			seen[c] = true;
			r = read_hierarchy(root, host, cgroups, mount, controller);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

int gr_host_read_cgroups(const struct gr_root *root, struct gr_host *host)
{
	_cleanup_free_ char *cgroups = NULL;
	int r = gr_root_read(root, "proc/self/cgroup", &cgroups, NULL, NULL);

	if (r < 0)
		return r == -ENOMEM ? r : gr_host_note_file(host, "proc/self/cgroup", r);
	return gr_host_cgroup_limits(root, cgroups, host);
}
