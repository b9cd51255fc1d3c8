// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The state directory: run/guestram (0700) with `lock` and leases/NAME.json. A lease file is
 * replaced by rename, so that a reader and a kill see the old one or the new one. The lock is an
 * flock() that dies with its holder; whoever has it may change pools.
 */
#include "lease/ledger.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"

#define DIR_PATH "run/guestram"

void gr_lease_free(struct gr_lease *lease)
{
	if (!lease)
		return;
	free(lease->grants);
	free(lease);
}

struct gr_lease_grant *gr_lease_grant_at(struct gr_lease *lease, int node,
					 uint64_t page_size_bytes)
{
	struct gr_lease_grant *grant;

	for (size_t i = 0; i < lease->grant_count; i++) {
		grant = &lease->grants[i];
		if (grant->node == node && grant->page_size_bytes == page_size_bytes)
			return grant;
	}
	if (gr_grow(&lease->grants, lease->grant_count, sizeof(*lease->grants)) < 0)
		return NULL;
	grant = &lease->grants[lease->grant_count++];
	grant->node = node;
	grant->page_size_bytes = page_size_bytes;
	return grant;
}

uint64_t gr_lease_pages(const struct gr_lease *lease)
{
	uint64_t pages = 0;

	for (size_t i = 0; i < lease->grant_count; i++)
		pages += lease->grants[i].pages;
	return pages;
}

int gr_lease_name_check(const char *name, struct gr_error *err)
{
	size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
	int r;

	if (n > 0 && !name[n] && n <= GR_LEASE_NAME_MAX && name[0] != '.')
		return 0;
	r = gr_error_set(err, GR_CLASS_USAGE, EINVAL, "'%.140s' cannot be the name of a lease", name);
	gr_error_hint(err, "1 to %d letters, digits, dots, dashes and underscores, no dot in front",
		      GR_LEASE_NAME_MAX);
	return r;
}

/* Opens a directory of ours below @at_fd, made if @make. The owner has to be us, the mode 0700. */
static int open_own_dir(int at_fd, const char *name, bool make, struct gr_error *err)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (make && mkdirat(at_fd, name, 0700) < 0 && errno != EEXIST)
		goto failed;
	fd = openat(at_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		goto failed;
	if (make && (st.st_uid != geteuid() || (st.st_mode & 077))) {
		int r = gr_error_set(err, GR_CLASS_HOST, EPERM,
				     "state directory %s belongs to uid %u with mode %04o", name,
				     (unsigned int)st.st_uid, (unsigned int)(st.st_mode & 07777));

		gr_error_hint(err, "it has to be root's with mode 0700: chown root, chmod 0700");
		return r;
	}
	return gr_steal_fd(&fd);
failed:
	return gr_error_set(err, errno == EACCES || errno == EROFS ? GR_CLASS_HOST : GR_CLASS_SYSTEM,
			    errno, "state directory /run/%s: %s", name, strerror(errno));
}

static int open_dirs(struct gr_ledger *ledger, bool read_only, struct gr_error *err)
{
	_cleanup_close_ int run_fd = gr_root_open_fd(ledger->root, "run",
						     O_RDONLY | O_DIRECTORY, 0, err);

	if (run_fd < 0)
		return read_only && run_fd == -ENOENT ? 0 : run_fd;
	ledger->dir_fd = open_own_dir(run_fd, "guestram", !read_only, err);
	if (ledger->dir_fd < 0)
		return read_only && ledger->dir_fd == -ENOENT ? 0 : ledger->dir_fd;
	ledger->leases_fd = open_own_dir(ledger->dir_fd, "leases", !read_only, err);
	if (ledger->leases_fd < 0)
		return read_only && ledger->leases_fd == -ENOENT ? 0 : ledger->leases_fd;
	return 0;
}

static int open_ledger(const struct gr_root *root, bool read_only, uint64_t timeout_ns,
		       const volatile int *interrupted, struct gr_ledger **ret, struct gr_error *err)
{
	_cleanup_ledger_ struct gr_ledger *ledger = calloc(1, sizeof(*ledger));
	_cleanup_free_ char *boot_id = NULL;
	int r;

	if (!ledger)
		return gr_error_nomem(err);
	ledger->root = root;
	ledger->dir_fd = ledger->leases_fd = ledger->lock_fd = -1;
	if (gr_root_read_line(root, "proc/sys/kernel/random/boot_id", &boot_id, NULL) >= 0)
		snprintf(ledger->boot_id, sizeof(ledger->boot_id), "%s", boot_id);
	r = open_dirs(ledger, read_only, err);
	if (r < 0) {
		if (geteuid() != 0)
			gr_error_hint(err, "this needs root; `guestram host`, `plan` and `run -b thp` work without");
		return r;
	}
	if (!read_only) {
		ledger->lock_fd = openat(ledger->dir_fd, "lock",
					 O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (ledger->lock_fd < 0)
			return gr_error_set(err, GR_CLASS_SYSTEM, errno, GR_LOCK_PATH ": %s",
					    strerror(errno));
		r = gr_ledger_lock(ledger->lock_fd, timeout_ns, interrupted, err);
		if (r < 0)
			return r;
	}
	*ret = gr_steal_ptr(ledger);
	return 0;
}

int gr_ledger_open(const struct gr_root *root, bool read_only, uint64_t timeout_ns,
		   struct gr_ledger **ret, struct gr_error *err)
{
	return open_ledger(root, read_only, timeout_ns, NULL, ret, err);
}

int gr_ledger_open_unless(const struct gr_root *root, uint64_t timeout_ns,
			  const volatile int *interrupted, struct gr_ledger **ret,
			  struct gr_error *err)
{
	return open_ledger(root, false, timeout_ns, interrupted, ret, err);
}

void gr_ledger_close(struct gr_ledger *ledger)
{
	if (!ledger)
		return;
	if (ledger->leases_fd >= 0)
		close(ledger->leases_fd);
	if (ledger->dir_fd >= 0)
		close(ledger->dir_fd);
	if (ledger->lock_fd >= 0) {
		/* By word, not by the last close: another thread may just have forked a copy. */
		flock(ledger->lock_fd, LOCK_UN);
		close(ledger->lock_fd);
	}
	free(ledger);
}

void gr_ledger_keep_blocks(struct gr_ledger *ledger)
{
	ledger->keep_blocks = true;
}

static int write_file(int dir_fd, const char *name, const char *text)
{
	_cleanup_close_ int fd = openat(dir_fd, name,
					O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	size_t len = strlen(text), done = 0;

	if (fd < 0)
		return -errno;
	while (done < len) {
		ssize_t n = write(fd, text + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	return 0;
}

int gr_ledger_save(struct gr_ledger *ledger, const struct gr_lease *lease, struct gr_error *err)
{
	_cleanup_free_ char *text = gr_lease_to_text(lease);
	char name[GR_LEASE_NAME_MAX + 8], temporary[GR_LEASE_NAME_MAX + 8];
	int r;

	if (!text)
		return gr_error_nomem(err);
	snprintf(name, sizeof(name), "%s.json", lease->name);
	snprintf(temporary, sizeof(temporary), ".%s.new", lease->name);
	r = write_file(ledger->leases_fd, temporary, text);
	if (r >= 0 && renameat(ledger->leases_fd, temporary, ledger->leases_fd, name) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(ledger->leases_fd, temporary, 0);
		return gr_error_set(err, GR_CLASS_SYSTEM, -r, "cannot write /" DIR_PATH
				    "/leases/%s: %s", name, strerror(-r));
	}
	return 0;
}

int gr_ledger_remove(struct gr_ledger *ledger, const char *name, struct gr_error *err)
{
	char file[GR_LEASE_NAME_MAX + 8];

	snprintf(file, sizeof(file), "%s.json", name);
	if (unlinkat(ledger->leases_fd, file, 0) < 0 && errno != ENOENT)
		return gr_error_set(err, GR_CLASS_SYSTEM, errno, "cannot remove /" DIR_PATH
				    "/leases/%s: %s", file, strerror(errno));
	return 0;
}
