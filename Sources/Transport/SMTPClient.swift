import CCurl
import Configuration
import Telemetry

/// Hands mails to a mail server, by libcurl: one connection for each. For any thread.
package struct SMTPClient: Sendable {
    /// Whether what goes over the wire is encrypted.
    package enum Security: Sendable, Equatable {
        /// TLS from the first byte.
        case implicit
        /// STARTTLS, or nothing is sent.
        case required
        /// STARTTLS where the server offers it. Whose certificate it has is not looked at: without it the mail would go in
        /// the clear.
        case opportunistic
        case none
    }

    package var server: SMTPServer
    /// What this host calls itself.
    package var hello = "localhost"
    package var security = Security.required
    package var tls = HTTPClientConfiguration.TLSConfiguration()
    /// Empty for no login.
    package var username = ""
    /// On whose behalf, for PLAIN; empty for the user.
    package var identity = ""
    package var password = Secret("")
    /// `CRAM-MD5`, `LOGIN` …; empty for whatever libcurl finds best of what the server offers.
    package var mechanism = ""

    package init(server: SMTPServer) { self.server = server }

    /// Sends `message`, whose lines end in CR LF; addresses are without names. All of it has `timeout` seconds.
    package func send(
        _ message: [UInt8], from: String, to recipients: [String], timeout: Double, stop: StopToken
    ) throws(SMTPFailure) {
        let handle: EasyHandle
        do throws(HTTPFailure) {
            handle = try EasyHandle(bodyLimit: 4096)
            try configure(handle, timeout)
        } catch {
            throw .transport(error)
        }
        var list: UnsafeMutablePointer<curl_slist>?
        for recipient in recipients { list = ccurl_list_append(list, "<\(recipient)>") }
        defer { ccurl_list_free(list) }
        do throws(HTTPFailure) {
            try handle.set(CURLOPT_MAIL_FROM, "<\(from)>")
            try handle.check(ccurl_set_list(handle.curl, CURLOPT_MAIL_RCPT, list))
        } catch {
            throw .transport(error)
        }
        ccurl_transfer_reset(handle.transfer)
        handle.transfer.pointee.stop_descriptor = stop.descriptor
        handle.transfer.pointee.stall_milliseconds = 0
        let code = message.withUnsafeBytes { bytes -> CURLcode in
            let set = ccurl_set_upload(handle.curl, handle.transfer, bytes.baseAddress, bytes.count)
            let result = set == CURLE_OK ? ccurl_easy_perform(handle.curl) : set
            _ = ccurl_set_upload(handle.curl, handle.transfer, nil, 0)
            return result
        }
        guard code != CURLE_OK else { return }
        throw failure(code, handle)
    }

    private func configure(_ handle: EasyHandle, _ timeout: Double) throws(HTTPFailure) {
        var configuration = HTTPClientConfiguration()
        configuration.tlsConfig = tls
        if security == .opportunistic { configuration.tlsConfig.insecureSkipVerify = true }
        try handle.configure(configuration)
        let scheme = security == .implicit ? "smtps" : "smtp"
        // libcurl says hello by the name that the URL's path has.
        let name = hello.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && !"/?#%\\".utf8.contains($0) } ? hello : "localhost"
        try handle.set(CURLOPT_URL, "\(scheme)://\(server.authority)/\(name)")
        let level =
            switch security {
            case .implicit, .required: CURLUSESSL_ALL
            case .opportunistic: CURLUSESSL_TRY
            case .none: CURLUSESSL_NONE
            }
        try handle.set(CURLOPT_USE_SSL, Int(level.rawValue))
        let milliseconds = Int(min(max(timeout, 0.001), 86_400) * 1000)
        try handle.set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds)
        try handle.set(CURLOPT_TIMEOUT_MS, milliseconds)
        guard !username.isEmpty else { return }
        try handle.set(CURLOPT_USERNAME, username)
        try handle.set(CURLOPT_PASSWORD, password.value)
        if !identity.isEmpty { try handle.set(CURLOPT_SASL_AUTHZID, identity) }
        if !mechanism.isEmpty { try handle.set(CURLOPT_LOGIN_OPTIONS, "AUTH=\(mechanism)") }
    }

    private func failure(_ code: CURLcode, _ handle: EasyHandle) -> SMTPFailure {
        let status = Int(ccurl_get_long(handle.curl, CURLINFO_RESPONSE_CODE))
        let failure = handle.failure(code)
        switch code {
        case CURLE_USE_SSL_FAILED:
            return .noEncryption("\(server.host) offers no STARTTLS, and TLS is required; see require_tls")
        // RFC 4954, 6: 454 and other answers below 500 are about the server's own trouble.
        case CURLE_LOGIN_DENIED where !(400..<500).contains(status):
            return .refused(status, "the login was refused: \(failure.description)")
        default:
            // The last answer says more than libcurl's sentence where it was a refusal.
            if status >= 500, status < 600 { return .refused(status, failure.description) }
            return .transport(failure)
        }
    }
}

/// Why a mail was not taken.
package enum SMTPFailure: Error, Sendable, Equatable {
    case transport(HTTPFailure)
    /// The server's answer: from 500 on it will be the same the next time.
    case refused(Int, String)
    /// TLS is required and not offered.
    case noEncryption(String)
}
