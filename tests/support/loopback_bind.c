/* Makes every TCP listener of a process bind 127.0.0.1: Debian 12's Orthanc knows no such setting.
 *
 *   gcc -shared -fPIC -o loopback_bind.so loopback_bind.c -ldl
 *   LD_PRELOAD=./loopback_bind.so Orthanc configuration.json
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

typedef int (*bind_function)(int, const struct sockaddr *, socklen_t);

int bind(int descriptor, const struct sockaddr *address, socklen_t length)
{
    bind_function real_bind = (bind_function)dlsym(RTLD_NEXT, "bind");
    struct sockaddr_storage local;

    if (length > sizeof local)
        return real_bind(descriptor, address, length);
    memcpy(&local, address, length);
    if (address->sa_family == AF_INET) {
        ((struct sockaddr_in *)&local)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else if (address->sa_family == AF_INET6) {
        /* ::ffff:127.0.0.1, so that an IPv4 client still gets through. */
        static const struct in6_addr mapped = {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}}};
        ((struct sockaddr_in6 *)&local)->sin6_addr = mapped;
    }
    return real_bind(descriptor, (const struct sockaddr *)&local, length);
}
