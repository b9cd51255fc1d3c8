// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * See the header. The file is written beside its place and renamed: libvirt may call it meanwhile.
 */
#include "libvirt/hook_place.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/util.h"
#include "verify/process.h"
#include "verify/verify.h"

#define NEW_NAME ".guestram.new"

int gr_hook_state(const struct gr_root *root, const char *wanted, size_t len,
		  enum gr_hook_state *ret, struct gr_error *err)
{
	_cleanup_free_ char *bytes = NULL;
	size_t have = 0;
	struct stat st;
	int r = gr_root_read(root, GR_HOOK_PATH, &bytes, &have, err);

	if (r == -ENOENT || r == -ENOTDIR) {
		*ret = GR_HOOK_ABSENT;
		return 0;
	}
	if (r < 0)
		return r;
	*ret = have == len && !memcmp(bytes, wanted, len) &&
			       gr_root_stat(root, GR_HOOK_PATH, &st) == 0 && st.st_mode & 0100 ?
		       GR_HOOK_SAME :
		       GR_HOOK_OTHER;
	return 0;
}

static int fail(const char *what, struct gr_error *err)
{
	int number = errno, r;

	r = gr_error_set(err, GR_CLASS_HOST, number, "/%s: %s: %s", GR_HOOK_PATH, what,
			 strerror(number));
	if (number == EACCES || number == EPERM)
		gr_error_hint(err, "installing a hook needs root");
	return r;
}

/* The directory, made if libvirt's own is there. */
static int open_dir(const struct gr_root *root, bool make, struct gr_error *err)
{
	_cleanup_close_ int hooks =
		gr_root_open_fd(root, GR_HOOKS_DIR, O_RDONLY | O_DIRECTORY, 0, NULL);
	int fd;

	if (hooks < 0 && make) {
		_cleanup_close_ int libvirt =
			gr_root_open_fd(root, "etc/libvirt", O_RDONLY | O_DIRECTORY, 0, err);

		if (libvirt < 0) {
			gr_error_set(err, GR_CLASS_HOST, -libvirt, "there is no /etc/libvirt: %s",
				     strerror(-libvirt));
			gr_error_hint(err, "is libvirt installed?");
			return libvirt;
		}
		if (mkdirat(libvirt, "hooks", 0755) < 0 && errno != EEXIST)
			return fail("making the directory", err);
		hooks = gr_root_open_fd(root, GR_HOOKS_DIR, O_RDONLY | O_DIRECTORY, 0, err);
	}
	if (hooks < 0)
		return hooks;
	if (make && mkdirat(hooks, "qemu.d", 0755) < 0 && errno != EEXIST)
		return fail("making the directory", err);
	fd = openat(hooks, "qemu.d", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? fail("opening its directory", err) : fd;
}

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

int gr_hook_install(const struct gr_root *root, const char *bytes, size_t len, struct gr_error *err)
{
	_cleanup_close_ int dir = open_dir(root, true, err), fd = -1;
	int r;

	if (dir < 0)
		return dir;
	unlinkat(dir, NEW_NAME, 0);
	fd = openat(dir, NEW_NAME, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0700);
	if (fd < 0)
		return fail("making it", err);
	/* Whatever the umask is; and no close that is still to fail once it has its name. */
	if (write_all(fd, bytes, len) < 0 || fchmod(fd, 0755) < 0 || fsync(fd) < 0 ||
	    renameat(dir, NEW_NAME, dir, "guestram") < 0) {
		r = fail("writing it", err);
		unlinkat(dir, NEW_NAME, 0);
		return r;
	}
	return 0;
}

int gr_hook_remove(const struct gr_root *root, struct gr_error *err)
{
	_cleanup_close_ int dir = -1;

	if (!gr_root_exists(root, GR_HOOK_PATH))
		return 0;
	dir = open_dir(root, false, err);
	if (dir < 0)
		return dir;
	if (unlinkat(dir, "guestram", 0) < 0)
		return errno == ENOENT ? 0 : fail("removing it", err);
	return 1;
}

/* The oldest change of a hook of QEMU that libvirt would run; 0: there is none. */
static time_t oldest_hook(const struct gr_root *root)
{
	_cleanup_names_ struct gr_names names = { 0 };
	time_t oldest = 0;
	struct stat st;

	if (gr_root_stat(root, GR_HOOKS_DIR "/qemu", &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_mode & 0111)
		oldest = st.st_ctime;
	if (gr_root_list(root, GR_HOOKS_DIR "/qemu.d", &names, NULL) < 0)
		return oldest;
	for (size_t i = 0; i < names.count; i++) {
		char path[400];

		snprintf(path, sizeof(path), GR_HOOKS_DIR "/qemu.d/%.300s", names.names[i]);
		if (names.names[i][0] != '.' && gr_root_stat(root, path, &st) == 0 &&
		    S_ISREG(st.st_mode) && st.st_mode & 0111 && (!oldest || st.st_ctime < oldest))
			oldest = st.st_ctime;
	}
	return oldest;
}

/* Start of the daemon in seconds since the epoch; 0: none is found. */
static time_t daemon_start(const struct gr_root *root)
{
	static const char *const files[] = { "run/virtqemud.pid", "run/libvirtd.pid",
					     "run/libvirt/virtqemud.pid",
					     "run/libvirt/libvirtd.pid" };
	struct timespec now, boot;
	uint64_t pid, ticks;
	long hz = sysconf(_SC_CLK_TCK);

	for (size_t i = 0; i < GR_ARRAY_SIZE(files) && hz > 0; i++) {
		if (gr_root_read_u64(root, files[i], &pid, NULL) < 0 || !pid || pid > INT32_MAX ||
		    gr_process_start_time(root, (pid_t)pid, &ticks, NULL) < 0)
			continue;
		clock_gettime(CLOCK_REALTIME, &now);
		clock_gettime(CLOCK_BOOTTIME, &boot);
		return now.tv_sec - boot.tv_sec + (time_t)(ticks / (uint64_t)hz);
	}
	return 0;
}

enum gr_restart gr_hook_restart(const struct gr_root *root)
{
	time_t hook = oldest_hook(root), start = daemon_start(root);

	if (!start)
		return GR_RESTART_UNKNOWN;
	return !hook || hook >= start ? GR_RESTART_NEEDED : GR_RESTART_NO;
}
