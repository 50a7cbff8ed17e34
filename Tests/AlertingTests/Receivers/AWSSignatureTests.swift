import Configuration
import Testing
import Transport

@testable import Alerting

@Suite struct AWSSignatureTests {
    /// AWS's own example of a POST with a form (test suite of Signature Version 4, `post-x-www-form-urlencoded`).
    @Test("a request is signed as AWS's test suite has it")
    func example() {
        let headers = AWSSignature.headers(
            host: "example.amazonaws.com", body: Array("Param1=value1".utf8),
            contentType: "application/x-www-form-urlencoded", region: "us-east-1", service: "service",
            .init(key: "AKIDEXAMPLE", secret: Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")),
            at: TemplateTime(seconds: 1_440_938_160))
        #expect(
            headers.last?.value
                == "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
                + "SignedHeaders=content-type;host;x-amz-date, "
                + "Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a")
    }
}
