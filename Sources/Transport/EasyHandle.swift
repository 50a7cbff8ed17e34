import Bytes
import CCurl
import Telemetry

/// A libcurl easy handle with what its transfers write to; for one thread.
final class EasyHandle {
    let curl: UnsafeMutableRawPointer
    let transfer: UnsafeMutablePointer<ccurl_transfer>
    // libcurl points to these: they live as long as the handle.
    private var headers: UnsafeMutablePointer<curl_slist>?
    private var connectTo: UnsafeMutablePointer<curl_slist>?
    private var proxyHeaders: UnsafeMutablePointer<curl_slist>?

    init(bodyLimit: Int) throws(HTTPFailure) {
        var message = [CChar](repeating: 0, count: 512)
        guard ccurl_load(&message, message.count) == 0 else {
            let text = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            throw .noLibrary(String(decoding: text, as: UTF8.self))
        }
        guard let curl = ccurl_easy_init() else { throw .connection("libcurl gave no handle") }
        guard let transfer = ccurl_transfer_new(bodyLimit) else {
            ccurl_easy_cleanup(curl)
            throw .connection("no memory for a transfer")
        }
        self.curl = curl
        self.transfer = transfer
        try check(ccurl_attach(curl, transfer))
        try set(CURLOPT_NOSIGNAL, 1)
        // Not known to libcurl before 7.87, and then not needed: it only saves waiting for a name lookup at the end.
        _ = ccurl_set_long(curl, CURLOPT_QUICK_EXIT, 1)
        try set(CURLOPT_POST, 1)
        try set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
        try set(CURLOPT_FOLLOWLOCATION, 0)
        try set(CURLOPT_TCP_KEEPALIVE, 1)
        try set(CURLOPT_TCP_KEEPIDLE, 30)
        try set(CURLOPT_TCP_KEEPINTVL, 10)
        try set(CURLOPT_HTTPAUTH, 1)  // CURLAUTH_BASIC
    }

    deinit {
        ccurl_easy_cleanup(curl)
        ccurl_transfer_free(transfer)
        ccurl_list_free(headers)
        ccurl_list_free(connectTo)
        ccurl_list_free(proxyHeaders)
    }

    func configure(_ configuration: HTTPClientConfiguration) throws(HTTPFailure) {
        let tls = configuration.tlsConfig
        if !tls.caFile.isEmpty {
            try set(CURLOPT_CAINFO, tls.caFile)
            // Only what the file names is trusted then, not the system's directory as well.
            try set(CURLOPT_CAPATH, nil)
        }
        // Not known to libcurl before 7.87, which does not keep them. A file that has been replaced is noticed so.
        _ = ccurl_set_long(curl, CURLOPT_CA_CACHE_TIMEOUT, 60)
        if !tls.certFile.isEmpty { try set(CURLOPT_SSLCERT, tls.certFile) }
        if !tls.keyFile.isEmpty { try set(CURLOPT_SSLKEY, tls.keyFile) }
        if tls.insecureSkipVerify {
            try set(CURLOPT_SSL_VERIFYPEER, 0)
            try set(CURLOPT_SSL_VERIFYHOST, 0)
        }
        let version =
            switch tls.minVersion {
            case .tls10: CURL_SSLVERSION_TLSv1_0
            case .tls11: CURL_SSLVERSION_TLSv1_1
            case .tls12: CURL_SSLVERSION_TLSv1_2
            case .tls13: CURL_SSLVERSION_TLSv1_3
            }
        try set(CURLOPT_SSLVERSION, version)
        // An empty string: none, not even the environment's.
        try set(CURLOPT_PROXY, configuration.proxyURL)
        if configuration.proxyURL.hasPrefix("https:") {
            // As Prometheus does: the proxy is trusted as the server is.
            if !tls.caFile.isEmpty {
                try set(CURLOPT_PROXY_CAINFO, tls.caFile)
                try set(CURLOPT_PROXY_CAPATH, nil)
            }
            if tls.insecureSkipVerify {
                try set(CURLOPT_PROXY_SSL_VERIFYPEER, 0)
                try set(CURLOPT_PROXY_SSL_VERIFYHOST, 0)
            }
            try set(CURLOPT_PROXY_SSLVERSION, version)
        }
        if !configuration.noProxy.isEmpty { try set(CURLOPT_NOPROXY, configuration.noProxy) }
        for header in configuration.way.proxyHeaders {
            proxyHeaders = ccurl_list_append(proxyHeaders, "\(header.name): \(header.value)")
        }
    }

    /// What is for the proxy is sent to it only when it is asked for a connection, as for `https`: in a plain request it
    /// would pass it on.
    func setProxyHeaders(isTunnel: Bool) throws(HTTPFailure) {
        try check(ccurl_set_list(curl, CURLOPT_PROXYHEADER, isTunnel ? proxyHeaders : nil))
    }

    /// `serverName` is what TLS asks for and expects, where it is not the URL's host.
    func setTarget(_ target: HTTPTarget, serverName: String) throws(HTTPFailure) {
        try set(CURLOPT_UNIX_SOCKET_PATH, target.socketPath.isEmpty ? nil : target.socketPath)
        try setProxyHeaders(isTunnel: target.scheme == "https")
        guard !serverName.isEmpty, target.scheme == "https" else {
            try set(CURLOPT_URL, target.url)
            try check(ccurl_set_list(curl, CURLOPT_CONNECT_TO, nil))
            return
        }
        try set(CURLOPT_URL, "https://\(serverName):\(target.port)\(target.path)")
        let list = ccurl_list_append(nil, "\(serverName):\(target.port):\(target.host):\(target.port)")
        try check(ccurl_set_list(curl, CURLOPT_CONNECT_TO, list))
        ccurl_list_free(connectTo)
        connectTo = list
    }

    func setHeaders(_ headers: [HTTPHeader]) throws(HTTPFailure) {
        // libcurl would wait for "100 Continue" before it sends a large body.
        var list = ccurl_list_append(nil, "Expect:")
        for header in headers {
            // An empty value needs this form: "Name:" would remove the header.
            list = ccurl_list_append(list, header.value.isEmpty ? "\(header.name);" : "\(header.name): \(header.value)")
        }
        try check(ccurl_set_list(curl, CURLOPT_HTTPHEADER, list))
        ccurl_list_free(self.headers)
        self.headers = list
    }

    /// Sends `body`, or gets without it. Where `needsBody` is not set, the head of an answer of success is enough.
    func perform(
        _ body: RawSpan, isGet: Bool, timeout: Double, isSmall: Bool, needsBody: Bool, stop: StopToken?
    ) throws(HTTPFailure) -> HTTPResponse {
        ccurl_transfer_reset(transfer)
        let milliseconds = Int(min(max(timeout, 0.001), 86_400) * 1000)
        transfer.pointee.stop_descriptor = stop?.descriptor ?? -1
        transfer.pointee.stall_milliseconds = Int64(milliseconds)
        try set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds)
        try set(CURLOPT_TIMEOUT_MS, isSmall ? milliseconds : milliseconds * 30)
        let code: CURLcode
        if !isGet {
            code = body.withUnsafeBytes { bytes -> CURLcode in
                let set = ccurl_set_body(curl, bytes.baseAddress, bytes.count)
                let result = set == CURLE_OK ? ccurl_easy_perform(curl) : set
                // The handle must not keep a pointer to what the caller is about to change.
                _ = ccurl_set_body(curl, nil, 0)
                return result
            }
        } else {
            try set(CURLOPT_CUSTOMREQUEST, nil)
            try check(ccurl_set_get(curl))
            code = ccurl_easy_perform(curl)
        }
        let status = Int(ccurl_get_long(curl, CURLINFO_RESPONSE_CODE))
        // What comes after the status and a megabyte of body would say nothing new.
        let isLong = code == CURLE_WRITE_ERROR && transfer.pointee.ended_by == 3
        let isEnough = !needsBody && (200..<300).contains(status)
        let hasHead = transfer.pointee.has_head != 0
        guard code == CURLE_OK || isLong || isEnough && hasHead else { throw failure(code) }
        guard hasHead else { throw .cutOff("the connection ended within the head of the answer") }
        let sent = ccurl_get_off(curl, CURLINFO_SIZE_UPLOAD_T)
        let length = isGet ? 0 : body.byteCount
        guard status >= 300 || sent >= Int64(length) else {
            throw .connection("the server answered \(status) when it had \(sent) of \(length) bytes")
        }
        let wait = ccurl_get_off(curl, CURLINFO_RETRY_AFTER)
        let received = UnsafeRawBufferPointer(start: transfer.pointee.body, count: transfer.pointee.body_length)
        return HTTPResponse(
            status: status, body: [UInt8](received),
            retryAfter: wait > 0 ? Double(wait) : nil,
            location: redirectURL.flatMap { try? HTTPTarget(parsing: $0).description })
    }

    /// Where the last answer redirects to, made absolute.
    var redirectURL: String? { ccurl_get_string(curl, CURLINFO_REDIRECT_URL).map { String(cString: $0) } }

    func set(_ option: CURLoption, _ value: Int) throws(HTTPFailure) { try check(ccurl_set_long(curl, option, value)) }

    func set(_ option: CURLoption, _ value: String?) throws(HTTPFailure) {
        try check(ccurl_set_string(curl, option, value))
    }

    func check(_ code: CURLcode) throws(HTTPFailure) {
        guard code == CURLE_OK else {
            throw .configuration("libcurl refuses a setting: \(String(cString: ccurl_easy_strerror(code)))")
        }
    }

    func failure(_ code: CURLcode) -> HTTPFailure {
        let detail = withUnsafeBytes(of: &transfer.pointee.error) {
            String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
        let reason = detail.isEmpty ? String(cString: ccurl_easy_strerror(code)) : detail
        switch code {
        case CURLE_ABORTED_BY_CALLBACK where transfer.pointee.ended_by == 1: return .stopped
        case CURLE_ABORTED_BY_CALLBACK, CURLE_OPERATION_TIMEDOUT: return .timedOut(reason)
        case CURLE_WRITE_ERROR where transfer.pointee.ended_by == 4:
            return .connection("the server answers with headers without end")
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS:
            return .trust(reason)
        case CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CRL_BADFILE:
            return .configuration("\(reason); see tls_config (ca_file)")
        case CURLE_SSL_CERTPROBLEM: return .configuration("\(reason); see tls_config (cert_file, key_file)")
        case CURLE_UNSUPPORTED_PROTOCOL where ccurl_get_long(curl, CURLINFO_REQUEST_SIZE) > 0:
            return .connection("the server's answer is not HTTP/1.1 (\(reason)); check the url")
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT, CURLE_SSL_CIPHER, CURLE_SSL_ENGINE_NOTFOUND,
            CURLE_UNKNOWN_OPTION, CURLE_NOT_BUILT_IN:
            return .configuration(reason)
        case CURLE_PROXY: return .connection("the proxy refuses: \(reason); see proxy_url")
        case CURLE_SSL_CONNECT_ERROR, CURLE_RECV_ERROR, CURLE_SEND_ERROR:
            if ccurl_get_long(curl, CURLINFO_HTTP_CONNECTCODE) == 407 {
                return .configuration("the proxy wants other credentials (407); set user and password in proxy_url")
            }
            if HTTPFailure.isAboutOurCertificate(reason) { return .trust(reason) }
            return code == CURLE_SSL_CONNECT_ERROR ? .connection(reason) : .cutOff(reason)
        default: return .connection(reason)
        }
    }
}
