import CCurl

extension HTTPClient {
    /// What `post` sends its requests with from now on, in place of POST.
    package mutating func setMethod(_ method: String) throws(HTTPFailure) {
        guard !method.isEmpty, method.utf8.allSatisfy({ (0x41...0x5a).contains($0) }) else {
            throw .configuration("expected a method such as PUT, found \(method)")
        }
        try handle.set(CURLOPT_CUSTOMREQUEST, method == "POST" ? nil : method)
    }
}
