// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which words of a command line are options. An argument may look like an option ("-append -m"),
 * so we have to know which options take one: both tables below are what `qemu-system-* -help` of
 * 7.2 (x86_64 and aarch64) prints, and what earlier and later versions had or added. A newer
 * option that stands in neither is guessed.
 */
#include "guest/qemu_opts.h"

#include <string.h>

#include "base/util.h"

/* clang-format off */
static const char *const without_argument[] = {
	"h", "help", "version", "snapshot", "usb", "nographic", "portrait", "full-screen",
	"win2k-hack", "no-fd-bootchk", "no-acpi", "no-hpet", "audio-help", "mem-prealloc",
	"singlestep", "preconfig", "S", "s", "enable-kvm", "xen-attach", "xen-domid-restrict",
	"no-reboot", "no-shutdown", "daemonize", "only-migratable", "nodefaults", "no-user-config",
	"async-teardown", "enable-sync-profile", "old-param", "semihosting",
	/* gone before 7.2 */
	"no-kvm", "no-kvm-irqchip", "no-kvm-pit", "no-kvm-pit-reinjection", "nodefconfig",
	"no-frame", "no-quit", "alt-grab", "ctrl-grab", "curses", "sdl", "tdf", "enable-fips",
	"enable-hax", "localtime", "rtc-td-hack", "xen-create", "std-vga", "vnc-tls",
};

static const char *const with_argument[] = {
	"machine", "M", "cpu", "accel", "smp", "numa", "add-fd", "set", "global", "boot", "m",
	"mem-path", "k", "audio", "audiodev", "device", "name", "uuid", "fda", "fdb", "hda", "hdb",
	"hdc", "hdd", "cdrom", "blockdev", "drive", "mtdblock", "sd", "fsdev", "virtfs", "iscsi",
	"usbdevice", "display", "spice", "rotate", "vga", "g", "vnc", "acpitable", "smbios",
	"netdev", "nic", "net", "chardev", "tpmdev", "bios", "pflash", "kernel", "append",
	"initrd", "dtb", "compat", "fw_cfg", "serial", "parallel", "monitor", "qmp", "qmp-pretty",
	"mon", "debugcon", "pidfile", "overcommit", "gdb", "d", "D", "dfilter", "seed", "L",
	"xen-domid", "action", "loadvm", "option-rom", "rtc", "icount", "watchdog-action", "echr",
	"incoming", "chroot", "runas", "prom-env", "semihosting-config", "sandbox", "readconfig",
	"trace", "plugin", "msg", "dump-vmstate", "object", "qtest", "qtest-log",
	/* gone before 7.2 */
	"realtime", "balloon", "bt", "clock", "redir", "smb", "tftp", "bootp", "soundhw", "tb-size",
	"watchdog", "writeconfig", "startdate",
	/* came after it */
	"run-with", "shim",
};
/* clang-format on */

enum arity { ARITY_NONE, ARITY_ONE, ARITY_UNKNOWN };

static bool is_in(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static enum arity option_arity(const char *name)
{
	if (is_in(name, with_argument, GR_ARRAY_SIZE(with_argument)))
		return ARITY_ONE;
	if (is_in(name, without_argument, GR_ARRAY_SIZE(without_argument)))
		return ARITY_NONE;
	return ARITY_UNKNOWN;
}

bool gr_qemu_next_word(char *const *argv, size_t *at, struct gr_qemu_word *ret)
{
	struct gr_qemu_word word = { .at = *at };
	const char *text = argv[*at], *next;
	enum arity arity;

	if (!text)
		return false;
	(*at)++;
	if (text[0] == '-') {
		word.name = text + (text[1] == '-' ? 2 : 1);
		arity = option_arity(word.name);
		next = argv[*at];
		if (next && (arity == ARITY_ONE || (arity == ARITY_UNKNOWN && next[0] != '-'))) {
			word.arg = next;
			word.arg_at = (*at)++;
		}
		word.arg_missing = arity == ARITY_ONE && !next;
	}
	*ret = word;
	return true;
}
