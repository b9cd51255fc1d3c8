// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A unix socket that says one thing to every client, over and over if that is nothing new to it:
 * what a program that is no QEMU could do to a QMP client. Prints "ready"; a signal ends it.
 *
 *   holder_socket PATH TEXT
 */
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MEMORY_BYTES (32u << 20) /* so that inspect has something to show */

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char sink[4096];
	void *p = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	if (argc != 3 || strlen(argv[1]) >= sizeof(address.sun_path))
		errx(2, "usage: holder_socket PATH TEXT");
	strcpy(address.sun_path, argv[1]);
	if (p == MAP_FAILED || fd < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 4) < 0)
		err(1, "%s", argv[1]);
	memset(p, 1, MEMORY_BYTES);
	puts("ready");
	fflush(stdout);
	for (;;) {
		int client = accept(fd, NULL, NULL);

		if (client < 0)
			err(1, "accept");
		if (send(client, argv[2], strlen(argv[2]), MSG_NOSIGNAL) >= 0 &&
		    send(client, "\n", 1, MSG_NOSIGNAL) >= 0) {
			while (read(client, sink, sizeof(sink)) > 0)
				;
		}
		close(client);
	}
}
