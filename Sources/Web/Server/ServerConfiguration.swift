/// Addresses and limits of the server.
package struct ServerConfiguration: Sendable {
    package var addresses: [ListenAddress] = [.tcp(host: "127.0.0.1", port: 9464)]
    /// Bytes of a request's header, all fields together.
    package var headerLimit = 32 << 10
    /// Bytes of a request's body.
    package var bodyLimit = 4 << 20
    /// Bytes of a request's body from another host that has shown no certificate: who it is is not known before the
    /// body has been read.
    package var networkBodyLimit = 64 << 10
    /// Open connections; one more is closed at once.
    package var connectionLimit = 512
    /// How long a connection may wait for its next request, or for its client to take a response.
    package var idleTimeout = Duration.seconds(75)
    /// How long a request's header may take to arrive, with the TLS handshake where there is one, and then its body.
    package var receiveTimeout = Duration.seconds(10)
    /// How long a handler may take for its answer, or for the first piece of it.
    package var answerTimeout = Duration.seconds(60)
    /// How long requests in progress get when the server stops.
    package var drainTimeout = Duration.seconds(2)

    package init() {}
}
