// Sockets: AF_UNIX, TCP, UDP, netlink, packet.
#define _GNU_SOURCE
#include "tour.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct sockaddr Address;

static char bytes[65536];

static void read_from_peer(int family, int type) {
    int ends[2];
    MUST(socketpair(family, type, 0, ends));
    LATER(write(ends[1], "x", 1));
    MEASURE(MUST(recv(ends[0], bytes, 1, 0)));
    reap();
}

STEP(unix_read) {
    read_from_peer(AF_UNIX, SOCK_STREAM);
}

STEP(unix_dgram_rd) {
    read_from_peer(AF_UNIX, SOCK_DGRAM);
}

// Write until nothing more fits.
static void fill(int socket, int size) {
    fcntl(socket, F_SETFL, O_NONBLOCK);
    while (send(socket, bytes, size, 0) > 0)
        continue;
    fcntl(socket, F_SETFL, 0);
}

// Read for a while, until the other side has room.
static void drain(int socket) {
    fcntl(socket, F_SETFL, O_NONBLOCK);
    for (int empty = 0; empty < 100;) {
        ssize_t count = read(socket, bytes, sizeof bytes);
        if (count == 0)
            break;
        if (count < 0) {
            empty++;
            nap(1000000);
        }
    }
}

static void write_to_peer(int type, int size) {
    int ends[2];
    MUST(socketpair(AF_UNIX, type, 0, ends));
    fill(ends[0], size);
    LATER(drain(ends[1]));
    MEASURE(MUST(send(ends[0], bytes, size, 0)));
    reap();
}

STEP(unix_write) {
    write_to_peer(SOCK_STREAM, 4096);
}

STEP(unix_dgram_wr) {
    write_to_peer(SOCK_DGRAM, 1024);
}

static int unix_listener(struct sockaddr_un *address, int backlog) {
    int listener = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    // An abstract name: a path may be too long.
    snprintf(address->sun_path + 1, 100, "%s.%d", step_name(), getpid());
    MUST(bind(listener, (Address *)address, sizeof *address));
    MUST(listen(listener, backlog));
    return listener;
}

STEP(unix_accept) {
    struct sockaddr_un address;
    int listener = unix_listener(&address, 1);
    LATER(connect(socket(AF_UNIX, SOCK_STREAM, 0), (Address *)&address, sizeof address));
    MEASURE(MUST(accept(listener, NULL, NULL)));
    reap();
}

STEP(unix_connect) {
    struct sockaddr_un address;
    int listener = unix_listener(&address, 0);
    MUST(connect(socket(AF_UNIX, SOCK_STREAM, 0), (Address *)&address, sizeof address));
    LATER(accept(listener, NULL, NULL));
    int second = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    MEASURE(MUST(connect(second, (Address *)&address, sizeof address)));
    reap();
}

static int inet_socket(int type, struct sockaddr_in *address) {
    socklen_t size = sizeof *address;
    int bound = MUST(socket(AF_INET, type, 0));
    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    MUST(bind(bound, (Address *)address, sizeof *address));
    MUST(getsockname(bound, (Address *)address, &size));
    return bound;
}

static int tcp_listener(struct sockaddr_in *address) {
    int listener = inet_socket(SOCK_STREAM, address);
    MUST(listen(listener, 5));
    return listener;
}

static void tcp_pair(int ends[2]) {
    struct sockaddr_in address;
    int listener = tcp_listener(&address);
    ends[0] = MUST(socket(AF_INET, SOCK_STREAM, 0));
    MUST(connect(ends[0], (Address *)&address, sizeof address));
    ends[1] = MUST(accept(listener, NULL, NULL));
}

STEP(tcp_read) {
    int ends[2];
    tcp_pair(ends);
    LATER(write(ends[1], "x", 1));
    MEASURE(MUST(read(ends[0], bytes, 1)));
    reap();
}

// TCP moves bytes on for a while after the buffer was full.
static void fill_for_long(int socket) {
    for (int i = 0; i < 20; i++) {
        fill(socket, sizeof bytes);
        nap(10000000);
    }
}

STEP(tcp_write) {
    int ends[2];
    tcp_pair(ends);
    fill_for_long(ends[0]);
    LATER(drain(ends[1]));
    MEASURE(MUST(write(ends[0], bytes, sizeof bytes)));
    reap();
}

STEP(tcp_accept) {
    struct sockaddr_in address;
    int listener = tcp_listener(&address);
    LATER(connect(socket(AF_INET, SOCK_STREAM, 0), (Address *)&address, sizeof address));
    MEASURE(MUST(accept(listener, NULL, NULL)));
    reap();
}

// The queue of the listener is full: the kernel tries again after a second.
STEP(tcp_connect) {
    struct sockaddr_in address;
    int listener = inet_socket(SOCK_STREAM, &address);
    MUST(listen(listener, 0));
    MUST(connect(socket(AF_INET, SOCK_STREAM, 0), (Address *)&address, sizeof address));
    LATER(accept(listener, NULL, NULL));
    int second = MUST(socket(AF_INET, SOCK_STREAM, 0));
    MEASURE(MUST(connect(second, (Address *)&address, sizeof address)));
    reap();
}

// Close a socket whose bytes the other side has not read yet.
STEP(tcp_close) {
    int ends[2];
    tcp_pair(ends);
    fill_for_long(ends[0]);
    struct linger linger = {1, 5};
    MUST(setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
    if (!MUST(fork())) {
        name_thread("w");
        close(ends[0]);
        nap(WAIT_NS);
        drain(ends[1]);
        _exit(0);
    }
    close(ends[1]);
    nap(WAIT_NS / 10); // until the other process has closed it
    MEASURE(MUST(close(ends[0])));
    reap();
}

STEP(udp_read) {
    struct sockaddr_in address;
    int receiver = inet_socket(SOCK_DGRAM, &address);
    int sender = MUST(socket(AF_INET, SOCK_DGRAM, 0));
    LATER(sendto(sender, "x", 1, 0, (Address *)&address, sizeof address));
    MEASURE(MUST(recv(receiver, bytes, 1, 0)));
    reap();
}

static void read_until_timeout(int family, int type, int protocol) {
    struct timeval timeout = {0, WAIT_NS / 1000};
    int receiver = MUST(socket(family, type, protocol));
    MUST(setsockopt(receiver, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout));
    MEASURE(recv(receiver, bytes, 1, 0));
}

STEP(netlink_read) {
    read_until_timeout(AF_NETLINK, SOCK_RAW, 0);
}

STEP(packet_read) {
    read_until_timeout(AF_PACKET, SOCK_RAW, htons(0x88b5));
}
