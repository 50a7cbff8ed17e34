import CCurl

extension HTTPClient {
    /// Whether the libcurl of this host can tell response headers (7.83 and later).
    package var knowsResponseHeaders: Bool { ccurl_knows_headers() != 0 }

    /// A header of the last response, whatever its case; nil where the server sent none or libcurl cannot tell.
    package func responseHeader(_ name: String) -> String? {
        ccurl_get_header(handle.curl, name).map { String(cString: $0) }
    }
}
