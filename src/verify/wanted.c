// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * QEMU's command line is parsed for good elsewhere. crosvm and kvmtool have --mem (-m), a size that
 * counts MiB where it has no unit. crosvm puts all RAM into one memfd; kvmtool maps it in one
 * piece, too, and on x86 cuts a hole for devices into it at 3.25 GiB, which leaves two mappings.
 * Firecracker and cloud-hypervisor are told over their API sockets: their command lines need not
 * say anything.
 */
#include "verify/wanted.h"

#include <errno.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "guest/qemu_argv.h"

#define KVMTOOL_HOLE_START UINT64_C(0xd0000000) /* KVM_32BIT_GAP_START of x86 */

/*
 * With several cells the sum counts as well: cells without an object of their own share one
 * mapping.
 */
static int qemu_sizes(char *const *argv, uint64_t **ret, size_t *ret_count)
{
	_cleanup_qemu_ struct gr_qemu *qemu = NULL;
	uint64_t *sizes;
	size_t count;
	int r = gr_qemu_parse(argv, &qemu, NULL);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	count = qemu->request.need_count;
	sizes = calloc(count + 1, sizeof(*sizes));
	if (!sizes)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		sizes[i] = qemu->request.needs[i].memory_bytes;
	if (count > 1)
		sizes[count++] = qemu->memory_bytes;
	*ret = sizes;
	*ret_count = count;
	return 0;
}

/* The value of -m or --mem, "--mem=1G" as well; the last one counts. NULL: there is none. */
static const char *mem_option(char *const *argv)
{
	const char *value = NULL;

	for (size_t i = 1; argv[0] && argv[i]; i++) {
		if (!strcmp(argv[i], "--"))
			break;
		if ((!strcmp(argv[i], "-m") || !strcmp(argv[i], "--mem")) && argv[i + 1])
			value = argv[++i];
		else if (!strncmp(argv[i], "--mem=", 6))
			value = argv[i] + 6;
	}
	return value;
}

/* "512", "2G", kvmtool's "2G@1G" and crosvm's "size=512,...". Return: 0 or -ENOENT. */
static int parse_mem(const char *value, uint64_t *ret)
{
	char word[32];
	size_t len;

	if (!strncmp(value, "size=", 5))
		value += 5;
	len = strcspn(value, ",@");
	if (!len || len >= sizeof(word))
		return -ENOENT;
	memcpy(word, value, len);
	word[len] = '\0';
	return gr_parse_size(word, GR_MIB, ret, NULL) < 0 || !*ret ? -ENOENT : 0;
}

static int mem_sizes(char *const *argv, uint64_t hole_start, uint64_t **ret, size_t *ret_count)
{
	const char *value = mem_option(argv);
	uint64_t *sizes, bytes;

	if (!value || parse_mem(value, &bytes) < 0)
		return 0;
	sizes = calloc(2, sizeof(*sizes));
	if (!sizes)
		return -ENOMEM;
	sizes[0] = gr_min_u64(bytes, hole_start);
	sizes[1] = bytes - sizes[0];
	*ret = sizes;
	*ret_count = sizes[1] ? 2 : 1;
	return 0;
}

int gr_wanted_sizes(const char *vmm, char *const *argv, uint64_t **ret, size_t *ret_count)
{
	if (!vmm || !argv || !argv[0])
		return 0;
	if (!strcmp(vmm, "qemu"))
		return qemu_sizes(argv, ret, ret_count);
	if (!strcmp(vmm, "crosvm"))
		return mem_sizes(argv, UINT64_MAX, ret, ret_count);
	if (!strcmp(vmm, "kvmtool"))
		return mem_sizes(argv, KVMTOOL_HOLE_START, ret, ret_count);
	return 0;
}
