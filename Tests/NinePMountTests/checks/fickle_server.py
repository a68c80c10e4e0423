"""fickle_server.py SOCKET SERVER: passes on what clients of SOCKET ask SERVER, but hangs up on whoever asks for statfs."""
import socket
import struct
import sys
import threading

TSTATFS = 8


def copy(source, target):
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
    except OSError:
        pass
    target.close()


def frames(client):
    while len(head := client.recv(4, socket.MSG_WAITALL)) == 4:
        (size,) = struct.unpack("<I", head)
        yield head + client.recv(size - 4, socket.MSG_WAITALL)


def serve(client):
    server = socket.socket(socket.AF_UNIX)
    server.connect(sys.argv[2])
    threading.Thread(target=copy, args=[server, client], daemon=True).start()
    for frame in frames(client):
        if frame[4] == TSTATFS:
            break
        server.sendall(frame)
    for end in client, server:
        end.shutdown(socket.SHUT_RDWR)


listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print("ready", flush=True)
while True:
    serve(listener.accept()[0])
