#!/usr/bin/env python3
"""A server of ivshmem's protocol as simple as one can be, not one of ours: ivshmem_server.py SOCKET BYTES VECTORS"""
import array, os, selectors, socket, struct, sys

path, size, vectors = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
memory = os.memfd_create("foreign")
os.ftruncate(memory, size)
listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
listener.bind(path)
listener.listen()
peers, number = {}, 10
watched = selectors.DefaultSelector()
watched.register(listener, selectors.EVENT_READ)


def say(client, value, descriptor=None):
    carried = [] if descriptor is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
    client.sendmsg([struct.pack("<q", value)], carried)


print("serving", flush=True)
while True:
    for key, _ in watched.select():
        if key.fileobj is listener:
            client, _ = listener.accept()
            number += 1
            own = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(vectors)]
            say(client, 0)
            say(client, number)
            say(client, -1, memory)
            for other, (peer, theirs) in peers.items():
                for descriptor in theirs:
                    say(client, peer, descriptor)
                for descriptor in own:
                    say(other, number, descriptor)
            for descriptor in own:
                say(client, number, descriptor)
            peers[client] = (number, own)
            watched.register(client, selectors.EVENT_READ)
        else:
            client = key.fileobj
            watched.unregister(client)
            gone, own = peers.pop(client)
            client.close()
            for descriptor in own:
                os.close(descriptor)
            for other in peers:
                say(other, gone)
