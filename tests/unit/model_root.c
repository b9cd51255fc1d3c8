// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * See the header. A path is split into (node, file) once, in pool_file(); what is not a pool file
 * is one of a few texts or absent. renameat(), unlinkat() and nanosleep() are wrapped by the
 * linker: the first two are where the ledger changes, the last would only make the tests slow.
 */
#include "model_root.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/util.h"
#include "lease/bound.h"

#define SIZE_DIR "hugepages-2048kB"
#define NODES_MAX 1024

struct gr_root {
	struct model *model;
	char dir[64];
};

static struct model *the_model; /* for the wrapped calls, which know no root */

int __real_renameat(int old_fd, const char *old_path, int new_fd, const char *new_path);
int __real_unlinkat(int fd, const char *path, int flags);
int __wrap_renameat(int old_fd, const char *old_path, int new_fd, const char *new_path);
int __wrap_unlinkat(int fd, const char *path, int flags);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left);

struct model *model_start(struct gr_root **ret)
{
	struct gr_root *root = calloc(1, sizeof(*root));
	struct model *model = mmap(NULL, sizeof(*model), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (!root || model == MAP_FAILED)
		abort();
	strcpy(root->dir, "/tmp/guestram-test.XXXXXX");
	if (!mkdtemp(root->dir))
		abort();
	root->model = the_model = model;
	model->kernel.nodes = 1;
	model->kernel.limit[0] = model->kernel.limit[1] = 100000;
	model->kernel.limit[2] = model->kernel.limit[3] = 100000;
	for (int i = 0; i < MODEL_NODES; i++)
		model->id[i] = i;
	model->empty_id = -1;
	model->available_bytes = UINT64_C(900) << 30;
	strcpy(model->boot_id, MODEL_BOOT_ID);
	*ret = root;
	return model;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void model_end(struct gr_root *root)
{
	nftw(root->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	munmap(root->model, sizeof(*root->model));
	the_model = NULL;
	free(root);
}

const char *model_run_dir(const struct gr_root *root)
{
	return root->dir;
}

static void kill_point(struct model *model)
{
	if (model && model->die_at && ++model->point == model->die_at)
		_exit(MODEL_DIED);
}

int __wrap_renameat(int old_fd, const char *old_path, int new_fd, const char *new_path)
{
	int r;

	kill_point(the_model);
	r = __real_renameat(old_fd, old_path, new_fd, new_path);
	kill_point(the_model);
	return r;
}

int __wrap_unlinkat(int fd, const char *path, int flags)
{
	int r;

	kill_point(the_model);
	r = __real_unlinkat(fd, path, flags);
	kill_point(the_model);
	return r;
}

int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	if (the_model)
		the_model->naps++;
	return 0;
}

static int fault(struct model *model, const char *path, bool writing)
{
	struct model_fault *f = &model->fault;

	if (!f->times || f->writing != writing || !strstr(path, f->part))
		return 0;
	if (f->skip) {
		f->skip--;
		return 0;
	}
	f->times--;
	return -f->errnum;
}

/* The place in the model of a node as it is called; -1: there is none. */
static int node_of(const struct model *model, int id)
{
	for (int i = 0; i < model->kernel.nodes && !model->flat; i++) {
		if (model->id[i] == id)
			return i;
	}
	return -1;
}

/* The file's name if it belongs to a pool that there is, with its node; else NULL. */
static const char *pool_file(const struct model *model, const char *path, int *ret_node)
{
	int id, at = 0;

	if (!strncmp(path, "sys/kernel/mm/hugepages/" SIZE_DIR "/", 41)) {
		*ret_node = -1;
		return path + 41;
	}
	if (sscanf(path, "sys/devices/system/node/node%d/hugepages/" SIZE_DIR "/%n", &id, &at) !=
		    1 ||
	    !at)
		return NULL;
	*ret_node = node_of(model, id);
	return *ret_node < 0 ? NULL : path + at;
}

static bool pool_value(const struct model *model, const char *path, uint64_t *ret)
{
	const struct model_kernel *k = &model->kernel;
	int node;
	const char *file = pool_file(model, path, &node);

	if (!file)
		return false;
	if (model->shown_part && strstr(path, model->shown_part)) {
		*ret = model->shown;
		return true;
	}
	if (!strcmp(file, "nr_hugepages") ||
	    (node < 0 && !model->flat && !strcmp(file, "nr_hugepages_mempolicy")))
		*ret = node < 0 ? kernel_sum(k, k->total) : k->total[node];
	else if (!strcmp(file, "free_hugepages"))
		*ret = node < 0 ? kernel_sum(k, k->free) : k->free[node];
	else if (!strcmp(file, "surplus_hugepages"))
		*ret = node < 0 ? kernel_sum(k, k->surplus) : k->surplus[node];
	else if (!strcmp(file, "resv_hugepages") && node < 0)
		*ret = k->reserved;
	else if (!strcmp(file, "nr_overcommit_hugepages") && node < 0)
		*ret = k->overcommit;
	else
		return false;
	return true;
}

static int text_of(const struct model *model, const char *path, char **ret)
{
	unsigned long long available = model->available_bytes / 1024;
	uint64_t value;
	int pid, node, at = 0;

	if (pool_value(model, path, &value))
		return gr_asprintf(ret, "%llu\n", (unsigned long long)value);
	if (!strcmp(path, "proc/meminfo"))
		return gr_asprintf(ret,
				   "MemTotal: 1073741824 kB\nMemFree: %llu kB\n"
				   "MemAvailable: %llu kB\nCached: 0 kB\nSwapFree: 0 kB\n"
				   "Hugepagesize: 2048 kB\n",
				   available, available);
	if (!strcmp(path, "proc/sys/kernel/random/boot_id"))
		return gr_asprintf(ret, "%s\n", model->boot_id);
	if (sscanf(path, "sys/devices/system/node/node%d/meminfo%n", &node, &at) == 1 && at) {
		if (node == model->empty_id)
			return gr_asprintf(ret, "Node %d MemTotal: 0 kB\nNode %d MemFree: 0 kB\n",
					   node, node);
		if (node_of(model, node) >= 0)
			return gr_asprintf(
				ret, "Node %d MemTotal: 268435456 kB\nNode %d MemFree: %llu kB\n",
				node, node, available / 4 - (unsigned long long)node);
	}
	if (sscanf(path, "proc/%d/stat", &pid) == 1) {
		for (size_t i = 0; i < GR_ARRAY_SIZE(model->alive); i++) {
			if (pid > 0 && model->alive[i] == pid)
				return gr_asprintf(ret,
						   "%d (a VM) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 "
						   "20 0 1 0 %d 0 0\n",
						   pid, 1000 + pid);
		}
	}
	return -ENOENT;
}

int gr_root_read(const struct gr_root *root, const char *path, char **ret_text, size_t *ret_len,
		 struct gr_error *err)
{
	struct model *model = root->model;
	int node, r;

	if (model->before_read && pool_file(model, path, &node))
		model->before_read(model, path);
	r = fault(model, path, false);
	if (r >= 0)
		r = text_of(model, path, ret_text);
	if (r < 0)
		return gr_error_set(err, GR_CLASS_SYSTEM, -r, "cannot read /%s", path);
	if (ret_len)
		*ret_len = strlen(*ret_text);
	return 0;
}

int gr_root_read_line(const struct gr_root *root, const char *path, char **ret,
		      struct gr_error *err)
{
	int r = gr_root_read(root, path, ret, NULL, err);

	if (r >= 0)
		(*ret)[strcspn(*ret, "\n")] = '\0';
	return r;
}

int gr_root_read_u64(const struct gr_root *root, const char *path, uint64_t *ret,
		     struct gr_error *err)
{
	_cleanup_free_ char *line = NULL;
	int r = gr_root_read_line(root, path, &line, err);

	return r < 0 ? r : gr_parse_u64(line, ret);
}

/* @bound_id: the node that this task is bound to, or -1. */
static int write_pool(const struct gr_root *root, const char *path, int bound_id, uint64_t value,
		      struct gr_error *err)
{
	struct model *model = root->model;
	int node, bound, r = fault(model, path, true);
	const char *file;

	if (r >= 0 && model->before_write)
		model->before_write(model);
	file = pool_file(model, path, &node);
	if (r >= 0 && (!file || strncmp(file, "nr_hugepages", 12)))
		r = -ENOENT;
	if (r < 0)
		return gr_error_set(err,
				    r == -EACCES || r == -EROFS ? GR_CLASS_HOST : GR_CLASS_SYSTEM,
				    -r, "cannot write /%s", path);
	bound = bound_id < 0 ? -1 : node_of(model, bound_id);
	if (bound_id >= 0 && bound < 0)
		return gr_error_set(err, GR_CLASS_HOST, EINVAL, "cannot bind this task to node %d",
				    bound_id);
	if (!strcmp(file, "nr_hugepages"))
		bound = -1;
	kill_point(model);
	if (model->die_at && ++model->point == model->die_at) {
		/* A signal ends a long growth early. */
		for (int i = 0; i < model->kernel.nodes; i++)
			model->kernel.limit[i] = model->kernel.total[i] + 3;
		kernel_write(&model->kernel, node, bound, value);
		_exit(MODEL_DIED);
	}
	model->writes++;
	if (model->deaf)
		return 0;
	kernel_write(&model->kernel, node, bound, value);
	if (model->after_write)
		model->after_write(model);
	kill_point(model);
	return 0;
}

int gr_root_write_u64(const struct gr_root *root, const char *path, uint64_t value,
		      uint64_t *ret_readback, struct gr_error *err)
{
	int r = write_pool(root, path, -1, value, err);

	return r < 0 || !ret_readback ? r : gr_root_read_u64(root, path, ret_readback, err);
}

int gr_bound_write(const struct gr_root *root, const char *path, int node, uint64_t value,
		   struct gr_error *err)
{
	return write_pool(root, path, node, value, err);
}

/* The model knows no types of blocks. */
void gr_bound_fill(const struct gr_root *root, int node, uint64_t bytes, bool (*go_on)(void *data),
		   void *data)
{
}

void gr_bound_cycle(const struct gr_root *root, int node, uint64_t page_size_bytes, uint64_t pages)
{
	struct model_kernel *k = &root->model->kernel;
	uint64_t taken[MODEL_NODES] = { 0 };

	kill_point(root->model);
	root->model->cycles++;
	for (int i = 0; i < k->nodes; i++) {
		if (node < 0 || node_of(root->model, node) == i)
			pages -= taken[i] = kernel_take(k, i, pages);
	}
	for (int i = 0; i < k->nodes; i++)
		kernel_free(k, i, taken[i]);
	kill_point(root->model);
}

int gr_root_write(const struct gr_root *root, const char *path, const char *text,
		  struct gr_error *err)
{
	if (!strstr(path, "/compact"))
		return -ENOENT;
	root->model->compactions++;
	if (root->model->at_compaction)
		root->model->at_compaction(root->model);
	return fault(root->model, path, true);
}

bool gr_root_exists(const struct gr_root *root, const char *path)
{
	_cleanup_free_ char *text = NULL;

	return text_of(root->model, path, &text) >= 0;
}

static int add_name(struct gr_names *names, const char *name)
{
	if (gr_grow(&names->names, names->count, sizeof(*names->names)) < 0)
		return -ENOMEM;
	names->names[names->count] = strdup(name);
	return names->names[names->count++] ? 0 : -ENOMEM;
}

int gr_root_list(const struct gr_root *root, const char *path, struct gr_names *ret,
		 struct gr_error *err)
{
	int node, at = 0, r = fault(root->model, path, false);
	char name[16];

	*ret = (struct gr_names){ 0 };
	if (r < 0)
		return gr_error_set(err, GR_CLASS_SYSTEM, -r, "cannot list /%s", path);
	if (!strcmp(path, "sys/kernel/mm/hugepages") ||
	    (sscanf(path, "sys/devices/system/node/node%d/hugepages%n", &node, &at) == 1 && at &&
	     node_of(root->model, node) >= 0))
		return add_name(ret, SIZE_DIR);
	if (strcmp(path, "sys/devices/system/node") != 0 || root->model->flat)
		return gr_error_set(err, GR_CLASS_SYSTEM, ENOENT, "cannot list /%s", path);
	for (node = 0; node < NODES_MAX; node++) {
		snprintf(name, sizeof(name), "node%d", node);
		if ((node_of(root->model, node) >= 0 || node == root->model->empty_id) &&
		    add_name(ret, name) < 0)
			return -ENOMEM;
	}
	return add_name(ret, "has_cpu");
}

void gr_names_done(struct gr_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->names[i]);
	free(names->names);
	*names = (struct gr_names){ 0 };
}

int gr_root_open_fd(const struct gr_root *root, const char *path, int flags, unsigned int mode,
		    struct gr_error *err)
{
	int fd = strcmp(path, "run") ? -1 : open(root->dir, flags | O_CLOEXEC, mode);

	return fd >= 0 ? fd : gr_error_set(err, GR_CLASS_SYSTEM, ENOENT, "cannot open /%s", path);
}

int gr_root_open(const char *dir, struct gr_root **ret, struct gr_error *err)
{
	return gr_error_set(err, GR_CLASS_SYSTEM, ENOSYS, "the model has its own model_start()");
}

void gr_root_close(struct gr_root *root)
{
}

bool gr_root_is_host(const struct gr_root *root)
{
	return true;
}

const char *gr_root_path(const struct gr_root *root, const char *path, char *buf, size_t buf_size)
{
	snprintf(buf, buf_size, "/%s", path);
	return buf;
}

int gr_root_writable(const struct gr_root *root, const char *path)
{
	return 0;
}

int gr_root_readlink(const struct gr_root *root, const char *path, char **ret)
{
	return -ENOENT;
}
