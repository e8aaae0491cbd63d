import edu.stanford.nlp.ie.crf.CRFClassifier;
import edu.stanford.nlp.ling.CoreLabel;
import edu.stanford.nlp.util.Triple;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import javax.json.Json;

/**
 * Stanford's CRF of three classes: JSON lines with a `text` in, JSON lines with `entities` out, in order.
 *
 * <p>The only argument is the number of threads, which share one classifier.
 */
public final class CoreNlp {
  private static final String MODEL =
      "edu/stanford/nlp/models/ner/english.all.3class.distsim.crf.ser.gz";
  private static final int WAITING = 64;

  private final CRFClassifier<CoreLabel> classifier;

  private CoreNlp(CRFClassifier<CoreLabel> classifier) {
    this.classifier = classifier;
  }

  public static void main(String[] args) throws Exception {
    CoreNlp ner = new CoreNlp(CRFClassifier.getClassifier(MODEL));
    ExecutorService pool = Executors.newFixedThreadPool(Integer.parseInt(args[0]));
    BlockingQueue<Future<String>> answers = new ArrayBlockingQueue<>(WAITING);
    Thread writer = new Thread(() -> write(answers));
    writer.start();
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      String article = line;
      answers.put(pool.submit(() -> ner.answer(article)));
    }
    answers.put(CompletableFuture.completedFuture(""));
    writer.join();
    pool.shutdown();
  }

  /** Writes answers in the order of their questions, up to an empty one. */
  private static void write(BlockingQueue<Future<String>> answers) {
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    try {
      for (String answer = answers.take().get(); !answer.isEmpty(); answer = answers.take().get()) {
        out.println(answer);
      }
    } catch (Exception error) {
      error.printStackTrace();
      System.exit(1);
    }
  }

  private String answer(String line) {
    String text = Json.createReader(new StringReader(line)).readObject().getString("text");
    StringBuilder entities = new StringBuilder();
    for (Triple<String, Integer, Integer> found : classifier.classifyToCharacterOffsets(text)) {
      entities.append(entities.length() == 0 ? "" : ",");
      int start = text.codePointCount(0, found.second);
      int end = start + text.codePointCount(found.second, found.third);
      entities.append(
          String.format("{\"label\":\"%s\",\"start\":%d,\"end\":%d}", found.first, start, end));
    }
    return "{\"entities\":[" + entities + "]}";
  }
}
