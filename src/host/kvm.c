// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * KVM as seen by this process: may it open /dev/kvm, which module drives it, and the parameters
 * that decide how guest memory is mapped. On the host the device is really opened, since neither
 * mode bits nor access(2) know of device cgroups; a capture only shows whether it was there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "host/read.h"

#define DEVICE "dev/kvm"

static const char *const modules[] = { "kvm_intel", "kvm_amd", "kvm_pvm", "kvm_hv", "kvm_pr" };

static enum gr_answer device_answer(const struct gr_root *root)
{
	_cleanup_close_ int fd = -1;

	if (!gr_root_is_host(root))
		return gr_root_exists(root, DEVICE) ? GR_ANSWER_OK : GR_ANSWER_ABSENT;
	fd = gr_root_open_fd(root, DEVICE, O_RDWR | O_NONBLOCK, 0, NULL);
	return gr_answer_of(fd);
}

/* Parameters are Y and N, or 1 and 0 in older kernels; others have words. */
static int read_parameter(const struct gr_root *root, const char *module, const char *name,
			  char **ret)
{
	char path[128];

	snprintf(path, sizeof(path), "sys/module/%s/parameters/%s", module, name);
	return gr_root_read_line(root, path, ret, NULL);
}

int gr_host_read_kvm(const struct gr_root *root, struct gr_host *host)
{
	struct gr_kvm *kvm = &host->kvm;
	_cleanup_free_ char *nested = NULL;
	char path[64];
	int r;

	kvm->device = device_answer(root);
	for (size_t i = 0; i < GR_ARRAY_SIZE(modules) && !kvm->module; i++) {
		snprintf(path, sizeof(path), "sys/module/%s", modules[i]);
		if (!gr_root_exists(root, path))
			continue;
		kvm->module = strdup(modules[i]);
		if (!kvm->module)
			return -ENOMEM;
		r = read_parameter(root, kvm->module, "nested", &nested);
		if (r == -ENOMEM)
			return r;
		kvm->nested_parameter_known = nested && *nested && strchr("YN10", *nested);
		kvm->nested = kvm->nested_parameter_known && strchr("Y1", *nested);
	}
	r = read_parameter(root, "kvm", "nx_huge_pages", &kvm->nx_huge_pages);
	return r == -ENOMEM ? r : 0;
}
