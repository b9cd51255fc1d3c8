/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * eat: takes memory that cannot be reclaimed (locked) under the memory policy that it was started
 * with, creates /root/eaten and holds it until it is killed.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	size_t bytes = argc > 1 ? strtoul(argv[1], NULL, 10) << 20 : 0;
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mlock(p, bytes) < 0) {
		perror("eat");
		return 1;
	}
	memset(p, 1, bytes);
	close(open("/root/eaten", O_CREAT | O_WRONLY, 0600));
	pause();
	return 0;
}
