// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Where the other programs of guestram are: beside this one in a build tree, else in libexec.
 */
#include <string.h>

#include "base/util.h"
#include "cli/libvirt_cli.h"

int gr_cli_beside(struct gr_cli *cli, const char *name, char **ret)
{
	_cleanup_root_ struct gr_root *host = NULL;
	_cleanup_free_ char *self = NULL, *beside = NULL, *installed = NULL;
	char *slash;
	int r = gr_root_open(NULL, &host, &cli->err);

	if (r >= 0 && gr_root_readlink(host, "proc/self/exe", &self) >= 0 && self[0] == '/') {
		slash = strrchr(self, '/');
		if (gr_asprintf(&beside, "%.*s/%s", (int)(slash - self), self, name) < 0)
			return gr_error_nomem(&cli->err);
		if (gr_root_exists(host, beside + 1)) {
			*ret = gr_steal_ptr(beside);
			return 0;
		}
	}
	if (gr_asprintf(&installed, "%s/%s", GR_LIBEXECDIR, name) < 0)
		return gr_error_nomem(&cli->err);
	if (r >= 0 && gr_root_exists(host, installed + 1)) {
		*ret = gr_steal_ptr(installed);
		return 0;
	}
	r = gr_error_set(&cli->err, GR_CLASS_HOST, ENOENT, "%s is not installed", installed);
	gr_error_hint(&cli->err, "it is built where libvirt's development files are there "
				 "(libvirt-dev)");
	return r;
}
