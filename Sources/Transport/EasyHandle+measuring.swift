import Bytes
import CCurl

extension EasyHandle {
    /// Performs what has been set and notes all that libcurl knows of it; returns why it failed.
    func measure(_ body: [UInt8], into measurement: inout Measurement) -> HTTPFailure? {
        ccurl_transfer_reset(transfer)
        let code = body.withUnsafeBytes { bytes -> CURLcode in
            guard bytes.count > 0 else { return ccurl_easy_perform(curl) }
            let set = ccurl_set_body(curl, bytes.baseAddress, bytes.count)
            return set == CURLE_OK ? ccurl_easy_perform(curl) : set
        }
        func seconds(_ info: CURLINFO) -> Double { Double(ccurl_get_off(curl, info)) / 1e6 }
        measurement.resolved = seconds(CURLINFO_NAMELOOKUP_TIME_T)
        measurement.connected = seconds(CURLINFO_CONNECT_TIME_T)
        measurement.encrypted = seconds(CURLINFO_APPCONNECT_TIME_T)
        measurement.firstByte = seconds(CURLINFO_STARTTRANSFER_TIME_T)
        measurement.total = seconds(CURLINFO_TOTAL_TIME_T)
        measurement.status = Int(ccurl_get_long(curl, CURLINFO_RESPONSE_CODE))
        measurement.httpVersion =
            switch Int(ccurl_get_long(curl, CURLINFO_HTTP_VERSION)) {
            case 1: 1.0
            case 2: 1.1
            case 3: 2
            case 30: 3
            default: 0
            }
        measurement.contentLength = Int(ccurl_get_off(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T))
        measurement.received = Int(ccurl_get_off(curl, CURLINFO_SIZE_DOWNLOAD_T))
        let modified = ccurl_get_off(curl, CURLINFO_FILETIME_T)
        measurement.lastModified = modified > 0 ? Double(modified) : nil
        measurement.address = ccurl_get_string(curl, CURLINFO_PRIMARY_IP).map { String(cString: $0) } ?? ""
        measurement.redirect = redirectURL
        measurement.body = [UInt8](
            UnsafeRawBufferPointer(start: transfer.pointee.body, count: transfer.pointee.body_length))
        measurement.certificates = certificates
        measurement.tlsVersion = transfer.pointee.tls_version.map { String(cString: $0) } ?? ""
        return code == CURLE_OK ? nil : failure(code)
    }

    private var certificates: [Measurement.Certificate] {
        (0..<ccurl_certificate_count(curl)).compactMap { index in
            guard let expiry = certificateField(index, "Expire date") else { return nil }
            let date = ccurl_date(expiry)
            guard date >= 0 else { return nil }
            return Measurement.Certificate(
                subject: certificateField(index, "Subject") ?? "", issuer: certificateField(index, "Issuer") ?? "",
                notAfter: Double(date), pem: Array((certificateField(index, "Cert") ?? "").utf8))
        }
    }

    private func certificateField(_ index: Int32, _ name: String) -> String? {
        ccurl_certificate_field(curl, index, name).map { String(cString: $0) }
    }
}
