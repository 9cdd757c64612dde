/** Reads commands as lines of tab-separated fields and answers each with a line; see driver.ts. */
fun main() {
    System.`in`.bufferedReader(Charsets.UTF_8).lineSequence().forEach { println(answer(it.split("\t"))) }
}

private fun answer(f: List<String>): String = try {
    when (f[0]) {
        "token" -> HubfrontPhone.createSasToken(Device(f[1], f[2], f[3]), f[4].toLong())
        "register" -> HubfrontPhone.register(f[1], f[2], f[3], f[4]).hostName
        else -> {
            HubfrontPhone(Device(f[1], f[2], f[3]), f[4]).send(f[6], f[5], mapOf("level" to "low"))
            "sent"
        }
    }
} catch (refused: HubException) {
    if (refused.retryable) "retry" else "rejected ${refused.status} ${refused.code ?: ""}".trim()
} catch (noResponse: java.io.IOException) {
    "retry"
}
